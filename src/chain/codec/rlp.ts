/**
 * Recursive Length Prefix (Yellow Paper appendix B), strict: only the canonical encoding of an item is accepted, because hashes and
 * roots are taken over these bytes.
 */
import { Fault } from '#kernel/fault.ts'

/** Bytes, or a list of items. */
export type RlpItem = Uint8Array | readonly RlpItem[]

/** Nesting of lists; an Ethereum block has five. */
const DEPTH_MAX = 16

/** What one decoding may cost: a list of small items takes a hundred times its bytes in memory. */
export interface RlpLimits {
  readonly bytesMax: number
  readonly itemsMax: number
}

/** For any block: EIP-7934 allows 8 MiB; before it only gas said how much, and some dev chains are generous. */
const BLOCK_LIMITS: RlpLimits = { bytesMax: 67_108_864, itemsMax: 2_000_000 }

export function encodeRlp(item: RlpItem): Uint8Array {
  const out = new Uint8Array(encodedLength(item))
  write(item, out, 0)
  return out
}

/** @throws Fault chain/rlp where the bytes are not exactly one canonical item */
export function decodeRlp(bytes: Uint8Array, limits: RlpLimits = BLOCK_LIMITS): RlpItem {
  const { item, end } = decodeRlpAt(bytes, 0, limits)
  if (end !== bytes.length) throw malformed('bytes after the item', end)
  return item
}

/** The item that begins at `at`, and where it ends: for files of blocks one after another. @throws Fault chain/rlp */
export function decodeRlpAt(bytes: Uint8Array, at: number, limits: RlpLimits = BLOCK_LIMITS): ItemAt {
  const limit = Math.min(bytes.length, at + limits.bytesMax)
  const reading = { bytes, itemsLeft: limits.itemsMax, end: at }
  const item = read(reading, at, limit, 0)
  return { item, end: reading.end }
}
export interface ItemAt {
  readonly item: RlpItem
  readonly end: number
}

function payloadLength(item: RlpItem): number {
  if (item instanceof Uint8Array) return item.length
  let length = 0
  for (const child of item) length += encodedLength(child)
  return length
}

function encodedLength(item: RlpItem): number {
  if (item instanceof Uint8Array && item.length === 1 && (item[0] as number) < 0x80) return 1
  const length = payloadLength(item)
  return length < 56 ? 1 + length : 1 + bytesOf(length) + length
}

function bytesOf(length: number): number {
  return length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4
}

function write(item: RlpItem, out: Uint8Array, at: number): number {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && (item[0] as number) < 0x80) {
      out[at] = item[0] as number
      return at + 1
    }
    const from = writePrefix(0x80, item.length, out, at)
    out.set(item, from)
    return from + item.length
  }
  let to = writePrefix(0xc0, payloadLength(item), out, at)
  for (const child of item) to = write(child, out, to)
  return to
}

function writePrefix(base: number, length: number, out: Uint8Array, at: number): number {
  if (length < 56) {
    out[at] = base + length
    return at + 1
  }
  const n = bytesOf(length)
  out[at] = base + 55 + n
  for (let i = 0; i < n; i++) out[at + 1 + i] = (length >>> (8 * (n - 1 - i))) & 0xff
  return at + 1 + n
}

interface Reading {
  readonly bytes: Uint8Array
  /** Where the item that was read last ends. */
  end: number
  itemsLeft: number
}

function read(reading: Reading, at: number, limit: number, depth: number): RlpItem {
  const { bytes } = reading
  const prefix = bytes[at]
  if (prefix === undefined || at >= limit) throw malformed('an item is missing', at)
  if (--reading.itemsLeft < 0) throw malformed('there are more items than allowed', at)
  if (prefix < 0x80) return bytes.subarray(at, (reading.end = at + 1))
  const isList = prefix >= 0xc0
  const code = prefix - (isList ? 0xc0 : 0x80)
  const from = at + 1 + (code < 56 ? 0 : code - 55)
  const end = from + (code < 56 ? code : readLength(bytes, at, limit, code))
  if (end > limit) throw malformed('an item is longer than what holds it or than allowed', at)
  reading.end = end
  if (!isList) {
    if (end === from + 1 && (bytes[from] as number) < 0x80) throw malformed('a small byte has a prefix', at)
    return bytes.subarray(from, end)
  }
  if (depth >= DEPTH_MAX) throw malformed(`lists nest deeper than ${DEPTH_MAX}`, at)
  const children: RlpItem[] = []
  for (let next = from; next < end; next = reading.end) children.push(read(reading, next, end, depth + 1))
  reading.end = end
  return children
}

/** The length behind a prefix that tells only of how many bytes it is. */
function readLength(bytes: Uint8Array, at: number, limit: number, code: number): number {
  const n = code - 55
  if (n > 4 || at + 1 + n > limit) throw malformed('a length that cannot be', at)
  let length = 0
  for (let i = 0; i < n; i++) length = length * 256 + (bytes[at + 1 + i] as number)
  if (length < 56 || bytesOf(length) !== n) throw malformed('a length is not in its shortest form', at)
  return length
}

function malformed(what: string, at: number): Fault<'chain/rlp'> {
  return new Fault('chain/rlp', `not canonical RLP: ${what} (at byte ${at})`, { at })
}
