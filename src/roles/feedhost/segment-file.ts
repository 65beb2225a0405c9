/** Segments of the embedded log as files: opened with what a crash left of them, or begun. */
import { Fault } from '#kernel/fault.ts'
import type { Disk, DiskFile } from '#ports/storage/disk.ts'
import type { Logger } from '#ports/logger.ts'
import { damaged, scanSegment } from './recover.ts'
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
  /** One past its last position. */
  next: number
  end: number
  /** Of each record, from `first` on; undefined in one that was finished before this host was started, until it is read. */
  offsets: number[] | undefined
}

/** One past the last position. */
export function next(segments: readonly Segment[]): number {
  return segments.at(-1)?.next ?? 0
}

export interface SegmentParts {
  readonly disk: Disk
  readonly checksum: Checksum
  readonly log: Logger
}

interface Opened {
  readonly file: DiskFile
  readonly name: string
  readonly head: SegmentHead
}

/**
 * All segments of a log, oldest first, at the cost of the last one: what a finished segment holds is said by the head of the one after it.
 * @throws Fault feed/damaged, feed/version, disk/*
 */
export async function openSegments(
  names: readonly string[],
  parts: SegmentParts,
): Promise<{ segments: Segment[]; identity: Uint8Array | undefined }> {
  const opened: Opened[] = []
  try {
    for (const name of names) {
      const one = await openHead(name, name === names.at(-1), parts)
      if (one !== undefined) opened.push(one)
    }
    return { segments: await lineUp(opened, names.at(-1), parts), identity: opened[0]?.head.identity }
  } catch (thrown) {
    for (const { file } of opened) await file.close()
    throw thrown
  }
}

async function lineUp(
  opened: readonly Opened[],
  lastName: string | undefined,
  parts: SegmentParts,
): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const [i, one] of opened.entries()) {
    const after = opened[i + 1]
    const segment =
      after?.head.previous === undefined
        ? await scanned(one, one.name === lastName, parts)
        : await finished(one, after.head)
    if (after !== undefined && after.head.first !== segment.next)
      throw new Fault(
        'feed/damaged',
        `${after.name} begins at ${after.head.first}, but the log before it ends at ${segment.next}: a segment is missing`,
        { name: after.name },
      )
    segments.push(segment)
  }
  return segments
}

/** Undefined where a crash left a segment without its header. */
async function openHead(
  name: string,
  isLast: boolean,
  { disk, checksum }: SegmentParts,
): Promise<Opened | undefined> {
  const file = await disk.open(name)
  const head = decodeSegmentHead(await file.read(0, SEGMENT_HEAD_BYTES), checksum)
  if (head !== undefined) return { file, name, head }
  const size = await file.size()
  await file.close()
  if (!isLast || size > SEGMENT_HEAD_BYTES)
    throw new Fault('feed/damaged', `${name} does not begin as a segment of a log does`, { name })
  await disk.remove(name)
  return undefined
}

/** One that was synced to its end before the next was begun. */
async function finished({ file, name, head }: Opened, { first, previous }: SegmentHead): Promise<Segment> {
  const end = await file.size()
  if (previous?.first !== head.first)
    throw new Fault(
      'feed/damaged',
      `the segment that begins at ${first} follows one that begins at ${previous?.first}, not ${name}: a segment is missing`,
      { name },
    )
  if (previous.end !== end) throw damaged(name, Math.min(end, previous.end))
  return { file, name, first: head.first, begunMs: head.begunMs, next: first, end, offsets: undefined }
}

/** Read whole: the one that was written last, whose end may be torn, and one whose end nobody noted. */
async function scanned({ file, name, head }: Opened, isLast: boolean, parts: SegmentParts): Promise<Segment> {
  const { first, begunMs } = head
  const scan = scanSegment(await file.read(0, await file.size()), first, parts.checksum)
  if (scan.damagedAt !== undefined || (!isLast && scan.torn > 0))
    throw damaged(name, scan.damagedAt ?? scan.end)
  if (scan.torn > 0) {
    parts.log.warn('the log ended in the middle of a write, which was cut off', {
      name,
      bytes: scan.torn,
      records: scan.offsets.length,
    })
    await file.truncate(scan.end)
  }
  // A host that was killed may have left whole records that no disk has yet: nobody reads them before it does.
  if (isLast) await file.sync()
  const { offsets, end } = scan
  return { file, name, first, begunMs, next: first + offsets.length, end, offsets }
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
  return { file, name, first, begunMs, next: first, end: SEGMENT_HEAD_BYTES, offsets: [] }
}
