/** `execution reverted` with the reason that Solidity put into the output, as geth tells it (accounts/abi UnpackRevert). */
import { bigintFrom, equalBytes, fromHex } from '#kernel/bytes.ts'

/** Error(string). */
const ERROR = fromHex('0x08c379a0')
/** Panic(uint256). */
const PANIC = fromHex('0x4e487b71')

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

// A contract may put anything there: what is not UTF-8 is replaced, as Go's JSON does.
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

export function revertText(output: Uint8Array): string {
  const reason = reasonOf(output)
  return reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
}

function reasonOf(output: Uint8Array): string | undefined {
  const selector = output.subarray(0, 4)
  const body = output.subarray(4)
  if (equalBytes(selector, PANIC) && body.length >= 32) {
    const code = bigintFrom(body.subarray(0, 32))
    return PANICS[String(code)] ?? `unknown panic code: 0x${code.toString(16)}`
  }
  return equalBytes(selector, ERROR) ? abiString(body) : undefined
}

/** One ABI-encoded dynamic string, or undefined where the bytes are not that. */
function abiString(body: Uint8Array): string | undefined {
  const at = wordAt(body, 0)
  if (at === undefined) return undefined
  const length = wordAt(body, at)
  if (length === undefined || at + 32 + length > body.length) return undefined
  return lenient.decode(body.subarray(at + 32, at + 32 + length))
}

function wordAt(body: Uint8Array, at: number): number | undefined {
  if (at + 32 > body.length) return undefined
  const word = bigintFrom(body.subarray(at, at + 32))
  return word <= BigInt(body.length) ? Number(word) : undefined
}
