/** What MODEXP costs from Osaka on (EIP-7883): geth asks for it before it looks at the lengths (EIP-7823). */
import { bigintFrom } from '#kernel/bytes.ts'

const WORD = 32
const HEADER_BYTES = 3 * WORD
const MIN_GAS = 500n
const SMALL_COMPLEXITY = 16n
const EXPONENT_BYTE_GAS = 16n

/** @param data lengths of base, exponent and modulus, 32 bytes each, then the three; what is missing is zero */
export function modexpGas(data: Uint8Array): bigint {
  const [base, exponent, modulus] = [0, WORD, 2 * WORD].map((at) => bigintFrom(padded(data, at, WORD))) as [
    bigint,
    bigint,
    bigint,
  ]
  const longest = base > modulus ? base : modulus
  const words = (longest + 7n) / 8n
  const complexity = longest <= 32n ? SMALL_COMPLEXITY : 2n * words * words
  const head = exponent > 32n ? WORD : Number(exponent)
  const headBits =
    base < BigInt(data.length)
      ? bigintFrom(padded(data, HEADER_BYTES + Number(base), head)).toString(2).length
      : 1
  const iterations = (exponent > 32n ? (exponent - 32n) * EXPONENT_BYTE_GAS : 0n) + BigInt(headBits - 1)
  const gas = complexity * (iterations > 1n ? iterations : 1n)
  return gas > MIN_GAS ? gas : MIN_GAS
}

function padded(data: Uint8Array, at: number, length: number): Uint8Array {
  const out = new Uint8Array(length)
  out.set(data.subarray(at, at + length))
  return out
}
