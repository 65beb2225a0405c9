/** The reason inside revert data (Solidity's Error(string) and Panic(uint256)), in geth's words. */
import { bigintFrom, fromUtf8, toHex } from '#kernel/bytes.ts'

const ERROR = '0x08c379a0'
const PANIC = '0x4e487b71'

const PANICS: Record<string, string> = {
  '0': 'generic panic',
  '1': 'assert(false)',
  '17': 'arithmetic underflow or overflow',
  '18': 'division or modulo by zero',
  '33': 'enum overflow',
  '34': 'invalid encoded storage byte array accessed',
  '49': 'out-of-bounds array access; popping on an empty array',
  '50': 'out-of-bounds access of an array or bytesN',
  '65': 'out of memory',
  '81': 'uninitialized function',
}

/** Undefined where the data is no reason that people can read. */
export function revertReason(output: Uint8Array): string | undefined {
  const selector = toHex(output.subarray(0, 4))
  const body = output.subarray(4)
  if (selector === PANIC && body.length >= 32) {
    const code = bigintFrom(body.subarray(0, 32))
    return PANICS[String(code)] ?? `unknown panic code: 0x${code.toString(16)}`
  }
  if (selector !== ERROR || body.length < 64) return undefined
  const at = bigintFrom(body.subarray(0, 32))
  if (at + 32n > BigInt(body.length)) return undefined
  const length = bigintFrom(body.subarray(Number(at), Number(at) + 32))
  const from = Number(at) + 32
  if (BigInt(from) + length > BigInt(body.length)) return undefined
  try {
    return fromUtf8(body.subarray(from, from + Number(length)))
  } catch {
    return undefined
  }
}
