/** Who signed (Yellow Paper appendix F). */
import { bigintTo } from '#kernel/bytes.ts'
import { hashInstance } from './core.ts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** The 20 bytes of the signer's address, or undefined where no key signs so. About 0.3 ms. */
export function recoverAddress(
  messageHash: Uint8Array,
  yParity: number,
  r: bigint,
  s: bigint,
): Uint8Array | undefined {
  if (r <= 0n || s <= 0n || r >= ORDER || s >= ORDER || yParity < 0 || yParity > 1) return undefined
  const core = hashInstance()
  const input = new Uint8Array(97)
  input.set(messageHash, 0)
  input.set(bigintTo(r, 32), 32)
  input.set(bigintTo(s, 32), 64)
  input[96] = yParity
  core.input(input)
  return core.exports.recover() === 1 ? core.output() : undefined
}
