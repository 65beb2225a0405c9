/** What a segment holds when it is opened: its records, and whether its end is torn or something in it is damaged. */
import type { Checksum } from './segment.ts'
import { decodeRecordAt, RECORD_HEAD_BYTES, SEGMENT_HEAD_BYTES } from './segment.ts'

export interface Scan {
  /** Offset of each record, from the segment's first position on. */
  readonly offsets: number[]
  /** Offset after the last whole append. */
  readonly end: number
  /** Bytes after it that are no whole append. */
  readonly torn: number
  /** Offset of bytes that were synced once and are damaged now. */
  readonly damagedAt: number | undefined
}

/** @param bytes the whole segment @param first its first position */
export function scanSegment(bytes: Uint8Array, first: number, checksum: Checksum): Scan {
  const offsets: number[] = []
  let end = SEGMENT_HEAD_BYTES
  let whole = 0
  let at = SEGMENT_HEAD_BYTES
  for (;;) {
    const record = decodeRecordAt(bytes, at, checksum)
    if (record === undefined || record.position !== first + offsets.length) break
    offsets.push(at)
    at = record.end
    if (record.lastOfAppend) {
      end = at
      whole = offsets.length
    }
  }
  const damaged = at < bytes.length && wasSynced(bytes, at, first + whole, checksum)
  offsets.length = whole
  return { offsets, end, torn: bytes.length - end, damagedAt: damaged ? at : undefined }
}

/** A later record that is whole says how far the log had been synced before it was written. */
function wasSynced(bytes: Uint8Array, from: number, position: number, checksum: Checksum): boolean {
  for (let at = from + 1; at + RECORD_HEAD_BYTES <= bytes.length; at++) {
    const record = decodeRecordAt(bytes, at, checksum)
    if (record !== undefined && record.durable > position) return true
  }
  return false
}
