/** Bytes and hex without Node's Buffer, for the pure layers. Hex is lower case with 0x, as JSON-RPC writes it. */
import { assert } from './assert.ts'

export type Hex = `0x${string}`

const DIGITS = '0123456789abcdef'
/** Character codes of the digits. */
const CODES = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0))

const VALUES = new Int8Array(128).fill(-1)
for (let i = 0; i < 16; i++) {
  VALUES[DIGITS.charCodeAt(i)] = i
  VALUES[DIGITS.toUpperCase().charCodeAt(i)] = i
}

/** Above this a text is decoded from bytes: a call with many arguments is slow. */
const CALLED_BYTES_MAX = 64
/** By length, the codes of the text that is being made. */
const SHORT_CODES: number[][] = []
for (let length = 0; length <= CALLED_BYTES_MAX; length++)
  SHORT_CODES.push([48, 120, ...new Array<number>(2 * length).fill(0)])

/** `0x` and two digits a byte. */
export function toHex(bytes: Uint8Array, from = 0, to = bytes.length): Hex {
  if (to - from > CALLED_BYTES_MAX) return longHex(bytes, from, to)
  // Not by adding pieces: such a text is put together when it is first compared or looked up, which hashes always are.
  const codes = SHORT_CODES[to - from] as number[]
  for (let i = from, at = 2; i < to; i++) {
    const byte = bytes[i] as number
    codes[at++] = CODES[byte >> 4] as number
    codes[at++] = CODES[byte & 15] as number
  }
  return String.fromCharCode.apply(null, codes) as Hex
}

function longHex(bytes: Uint8Array, from: number, to: number): Hex {
  const ascii = new Uint8Array(2 + 2 * (to - from))
  ascii[0] = 48
  ascii[1] = 120
  for (let i = from, at = 2; i < to; i++) {
    const byte = bytes[i] as number
    ascii[at++] = CODES[byte >> 4] as number
    ascii[at++] = CODES[byte & 15] as number
  }
  return decoder.decode(ascii) as Hex
}

/** The bytes of a `0x…` text of even length, or undefined where it is not that. */
export function tryFromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !text.startsWith('0x')) return undefined
  const out = new Uint8Array(text.length / 2 - 1)
  for (let i = 0; i < out.length; i++) {
    const high = VALUES[text.charCodeAt(2 + 2 * i)] ?? -1
    const low = VALUES[text.charCodeAt(3 + 2 * i)] ?? -1
    if ((high | low) < 0) return undefined
    out[i] = (high << 4) | low
  }
  return out
}

/** The bytes of a `0x…` text that is known to be well formed. */
export function fromHex(text: string): Uint8Array {
  const bytes = tryFromHex(text)
  if (bytes === undefined) assert(false, `hex text is 0x and an even number of digits: ${text.slice(0, 20)}`)
  return bytes
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Order of unsigned bytes, a shorter prefix first: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const d = (a[i] as number) - (b[i] as number)
    if (d !== 0) return d
  }
  return a.length - b.length
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Unsigned big-endian integer of any number of bytes. */
export function bigintFrom(bytes: Uint8Array): bigint {
  return bytes.length > SAFE_BYTES ? BigInt(toHex(bytes)) : BigInt(numberFrom(bytes))
}

/** Any integer of so many bytes is exact as a number. */
const SAFE_BYTES = 6

function numberFrom(bytes: Uint8Array): number {
  let value = 0
  for (let i = 0; i < bytes.length; i++) value = 256 * value + (bytes[i] as number)
  return value
}

/** `length` bytes, big-endian. */
export function bigintTo(value: bigint, length: number): Uint8Array {
  assert(value >= 0n, 'only unsigned integers are encoded')
  const digits = value.toString(16)
  assert(digits.length <= 2 * length, `${value} fits in ${length} bytes`)
  return fromHex(`0x${digits.padStart(2 * length, '0')}`)
}

/** The bytes without leading zeros (a view). */
export function trimZeros(bytes: Uint8Array): Uint8Array {
  let i = 0
  while (i < bytes.length && bytes[i] === 0) i++
  return i === 0 ? bytes : bytes.subarray(i)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** @throws TypeError where the bytes are not UTF-8 */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** Texts and bytes in a row that nobody has copied together; a text stands for its UTF-8. */
export type Parts = readonly (string | Uint8Array)[]

export function joinParts(parts: Parts): Uint8Array {
  return concatBytes(...parts.map((part) => (typeof part === 'string' ? utf8(part) : part)))
}

/** Gives the memory of an array that is alone in its buffer back at once: it lies outside of V8's heap, and else waits until garbage is
 *  collected, which nothing may call for. The array is empty afterwards. */
export function release({ buffer, byteLength }: Uint8Array): void {
  assert(buffer.byteLength === byteLength, 'an array that is released is alone in its buffer')
  ;(buffer as ArrayBuffer).transfer(0)
}
