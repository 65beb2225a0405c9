/** Segments of the embedded log as files: opened with what a crash left of them, or begun. */
import { Fault } from '#kernel/fault.ts'
import type { Disk, DiskFile } from '#ports/storage/disk.ts'
import type { Logger } from '#ports/logger.ts'
import { scanSegment } from './recover.ts'
import {
  type Checksum,
  decodeSegmentHead,
  encodeSegmentHead,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
  segmentName,
} from './segment.ts'

export interface Segment {
  readonly file: DiskFile
  readonly name: string
  readonly first: number
  /** Milliseconds since 1970; 0 where that is not known. */
  readonly begunMs: number
  /** Of each record, from `first` on. */
  readonly offsets: number[]
  end: number
}

/** One past the last position. */
export function next(segments: readonly Segment[]): number {
  const last = segments.at(-1)
  return last === undefined ? 0 : last.first + last.offsets.length
}

export interface SegmentParts {
  readonly disk: Disk
  readonly checksum: Checksum
  readonly log: Logger
}

/** Undefined where a crash left a segment without its header. @throws Fault feed/damaged, feed/version, disk/* */
export async function openSegment(
  name: string,
  isLast: boolean,
  { disk, checksum, log }: SegmentParts,
): Promise<{ segment: Segment; identity: Uint8Array } | undefined> {
  const file = await disk.open(name)
  const bytes = await file.read(0, await file.size())
  const head = decodeSegmentHead(bytes, checksum)
  if (head === undefined) {
    if (!isLast || bytes.length > SEGMENT_HEAD_BYTES)
      throw new Fault('feed/damaged', `${name} does not begin as a segment of a log does`, { name })
    await file.close()
    await disk.remove(name)
    return undefined
  }
  const scan = scanSegment(bytes, head.first, checksum)
  if (scan.damagedAt !== undefined || (!isLast && scan.torn > 0)) {
    const at = scan.damagedAt ?? scan.end
    await file.close()
    throw new Fault(
      'feed/damaged',
      `${name} is damaged at byte ${at}: what was written there is lost. Restore the folder from a copy, or begin a new cluster`,
      { name, at },
    )
  }
  if (scan.torn > 0) {
    log.warn('the log ended in the middle of a write, which was cut off', {
      name,
      bytes: scan.torn,
      records: scan.offsets.length,
    })
    await file.truncate(scan.end)
  }
  // A host that was killed may have left whole records that no disk has yet: nobody reads them before it does.
  if (isLast) await file.sync()
  return {
    segment: { file, name, first: head.first, begunMs: head.begunMs, offsets: scan.offsets, end: scan.end },
    identity: head.identity,
  }
}

export async function makeSegment(
  head: SegmentHead,
  { disk, checksum }: Pick<SegmentParts, 'disk' | 'checksum'>,
): Promise<Segment> {
  const { first, begunMs } = head
  const name = segmentName(first)
  const file = await disk.open(name)
  await file.truncate(0)
  await file.write(0, [encodeSegmentHead(head, checksum)])
  await file.sync()
  await disk.syncNames()
  return { file, name, first, begunMs, offsets: [], end: SEGMENT_HEAD_BYTES }
}
