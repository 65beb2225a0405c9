/**
 * Bytes of the embedded log. A segment is a header (64 bytes: magic, version, log identity, first position, when it was begun, how the segment
 * before it ended) and records one after another:
 *   u32 length | u32 CRC-32C of all that follows, length included | u64 position | u64 durable | u32 flags | body
 * `durable` is the position up to which the log had been synced when this was written. It tells a torn tail from damage: what was never
 * synced may be cut, what was synced must be there. Flag 1 marks the last record of an append, which is whole or not there at all.
 */
import { concatBytes, equalBytes, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { feedHostLimits } from './limits.ts'

export type Checksum = (bytes: Uint8Array, seed?: number) => number

export const SEGMENT_HEAD_BYTES = 64
export const RECORD_HEAD_BYTES = 28
export const RECORD_BYTES_MAX = feedHostLimits.recordBytesMax.value
const MAGIC = utf8('DROVERLG')
const VERSION = 1
const LAST_OF_APPEND = 1

export interface SegmentHead {
  /** 16 bytes. */
  readonly identity: Uint8Array
  readonly first: number
  /** Milliseconds since 1970, by the host's clock; 0 in segments that older releases made. */
  readonly begunMs: number
  /** The segment before it, all of which was synced when this one was begun; none before the log's first, and in those of older releases. */
  readonly previous: { readonly first: number; readonly end: number } | undefined
}

export function encodeSegmentHead(
  { identity, first, begunMs, previous }: SegmentHead,
  checksum: Checksum,
): Uint8Array {
  const head = new Uint8Array(SEGMENT_HEAD_BYTES)
  const view = new DataView(head.buffer)
  head.set(MAGIC, 0)
  view.setUint32(8, VERSION)
  head.set(identity, 12)
  view.setBigUint64(28, BigInt(first))
  view.setBigUint64(36, BigInt(begunMs))
  view.setBigUint64(44, BigInt(previous?.first ?? 0))
  view.setBigUint64(52, BigInt(previous?.end ?? 0))
  view.setUint32(60, checksum(head.subarray(0, 60)))
  return head
}

/** Undefined where the bytes are no segment's beginning. @throws Fault feed/version */
export function decodeSegmentHead(bytes: Uint8Array, checksum: Checksum): SegmentHead | undefined {
  if (bytes.length < SEGMENT_HEAD_BYTES || !equalBytes(bytes.subarray(0, 8), MAGIC)) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (view.getUint32(60) !== checksum(bytes.subarray(0, 60))) return undefined
  const version = view.getUint32(8)
  if (version !== VERSION)
    throw new Fault('feed/version', `the log has format ${version}, this release reads ${VERSION}`, {
      version,
    })
  const previous = { first: Number(view.getBigUint64(44)), end: Number(view.getBigUint64(52)) }
  return {
    identity: bytes.slice(12, 28),
    first: Number(view.getBigUint64(28)),
    begunMs: Number(view.getBigUint64(36)),
    previous: previous.end === 0 ? undefined : previous,
  }
}

/** The records of one append, in the order of their bytes. */
export function encodeAppend(
  records: readonly Uint8Array[],
  first: number,
  durable: number,
  checksum: Checksum,
): Uint8Array[] {
  return records.flatMap((body, i) => {
    const head = new Uint8Array(RECORD_HEAD_BYTES)
    const view = new DataView(head.buffer)
    view.setUint32(0, body.length)
    view.setBigUint64(8, BigInt(first + i))
    view.setBigUint64(16, BigInt(durable))
    view.setUint32(24, i === records.length - 1 ? LAST_OF_APPEND : 0)
    view.setUint32(4, checksumOf(head, body, checksum))
    return [head, body]
  })
}

export interface ReadRecord {
  readonly position: number
  readonly durable: number
  readonly lastOfAppend: boolean
  readonly body: Uint8Array
  /** Offset after it. */
  readonly end: number
}

/** The record at an offset, or undefined where there is no whole, undamaged one. */
export function decodeRecordAt(bytes: Uint8Array, at: number, checksum: Checksum): ReadRecord | undefined {
  if (at + RECORD_HEAD_BYTES > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  const length = view.getUint32(0)
  const end = at + RECORD_HEAD_BYTES + length
  if (length > RECORD_BYTES_MAX || end > bytes.length) return undefined
  const head = bytes.subarray(at, at + RECORD_HEAD_BYTES)
  const body = bytes.subarray(at + RECORD_HEAD_BYTES, end)
  if (view.getUint32(4) !== checksumOf(head, body, checksum)) return undefined
  return {
    position: Number(view.getBigUint64(8)),
    durable: Number(view.getBigUint64(16)),
    lastOfAppend: (view.getUint32(24) & LAST_OF_APPEND) !== 0,
    body,
    end,
  }
}

/** Where a record says that the next one begins, and its position; its checksum is not looked at. Undefined where the bytes end before. */
export function skipRecordAt(bytes: Uint8Array, at: number): { position: number; end: number } | undefined {
  if (at + RECORD_HEAD_BYTES > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  return { position: Number(view.getBigUint64(8)), end: at + RECORD_HEAD_BYTES + view.getUint32(0) }
}

function checksumOf(head: Uint8Array, body: Uint8Array, checksum: Checksum): number {
  const covered = concatBytes(head.subarray(0, 4), head.subarray(8))
  return checksum(body, checksum(covered))
}

/** Sorted by name, segments are sorted by position. */
export function segmentName(first: number): string {
  return `segment-${String(first).padStart(16, '0')}.log`
}

export function isSegmentName(name: string): boolean {
  return /^segment-\d{16}\.log$/.test(name)
}
