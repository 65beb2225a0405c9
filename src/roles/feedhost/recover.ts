/**
 * What a segment holds when it is opened: its records, and whether its end is torn or something in it is damaged. Only the segment that was
 * written last can be torn and is read whole; of finished ones the heads of the records are walked, when somebody first reads there.
 */
import { Fault } from '#kernel/fault.ts'
import type { DiskFile } from '#ports/storage/disk.ts'
import type { Checksum } from './segment.ts'
import { decodeRecordAt, RECORD_HEAD_BYTES, SEGMENT_HEAD_BYTES, skipRecordAt } from './segment.ts'

/** Of one look at a finished segment: the head of a large record, or many small ones. */
const LOOK_BYTES_MIN = 4 * 1024
const LOOK_BYTES_MAX = 64 * 1024

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

/** Offsets of the records of a finished segment; what they hold is checked when they are read. @throws Fault feed/damaged, disk/* */
export async function walkSegment(segment: {
  readonly file: DiskFile
  readonly name: string
  readonly first: number
  readonly next: number
  readonly end: number
}): Promise<number[]> {
  const { file, name, first, next, end } = segment
  const offsets: number[] = []
  let lookBytes = LOOK_BYTES_MIN
  for (let at = SEGMENT_HEAD_BYTES; at < end; ) {
    const bytes = await file.read(at, Math.min(lookBytes, end - at))
    const from = at
    const before = offsets.length
    for (let head = skipRecordAt(bytes, 0); head !== undefined; head = skipRecordAt(bytes, at - from)) {
      if (head.position !== first + offsets.length || from + head.end > end) throw damaged(name, at)
      offsets.push(at)
      at = from + head.end
      if (at - from >= bytes.length) break
    }
    if (at === from) throw damaged(name, at)
    lookBytes = offsets.length - before > 1 ? LOOK_BYTES_MAX : LOOK_BYTES_MIN
  }
  if (first + offsets.length !== next) throw damaged(name, end)
  return offsets
}

export function damaged(name: string, at: number): Fault {
  return new Fault(
    'feed/damaged',
    `${name} is damaged at byte ${at}: what was written there is lost. Restore the folder from a copy, or begin a new cluster`,
    { name, at },
  )
}
