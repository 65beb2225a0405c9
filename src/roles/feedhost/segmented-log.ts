/**
 * The embedded feed: an append-only log in segments, each record with a checksum, appends grouped into one sync (group commit). A record is
 * readable only after it is synced; an append is whole or not there at all. On opening, a torn tail is cut and reported; damage in
 * what had been synced is an error that names the place, and nothing is cut. Segments are made so that retention can drop whole ones.
 */
import { toHex } from '#kernel/bytes.ts'
import { assert } from '#kernel/assert.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Disk, DiskFile } from '#ports/disk.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { LogBounds, LogRecord } from '#ports/record-log.ts'
import { scanSegment } from './recover.ts'
import {
  type Checksum,
  decodeRecordAt,
  decodeSegmentHead,
  encodeAppend,
  encodeSegmentHead,
  isSegmentName,
  RECORD_BYTES_MAX,
  SEGMENT_HEAD_BYTES,
  segmentName,
} from './segment.ts'
import { feedHostLimits } from './limits.ts'

export interface SegmentedLogOptions {
  readonly segmentBytesMax: number
}

/** Appends waiting for their sync: over it further ones are refused. */
const WAITING_BYTES_MAX = feedHostLimits.waitingBytesMax.value
/** Of one group: what is written between two syncs. */
const GROUP_BYTES_MAX = feedHostLimits.groupBytesMax.value

interface Segment {
  readonly file: DiskFile
  readonly name: string
  readonly first: number
  /** Of each record, from `first` on. */
  readonly offsets: number[]
  end: number
}

interface Waiting {
  readonly records: readonly Uint8Array[]
  readonly bytes: number
  settle(positions: readonly number[]): void
  fail(thrown: unknown): void
}

export interface SegmentedLog {
  append(records: readonly Uint8Array[]): Promise<readonly number[]>
  /** @throws Fault feed/too-old, feed/damaged */
  read(from: number, options: { readonly maxBytes: number }): Promise<readonly LogRecord[]>
  bounds(): LogBounds
  identity(): string
  /** Calls back after records have become readable, until the returned function is called. */
  onAppend(grown: () => void): () => void
  /** Drops whole segments that lie below `position`. */
  trimBefore(position: number): Promise<void>
  close(): Promise<void>
}

/** @throws Fault feed/damaged, feed/version, disk/* */
export async function openSegmentedLog(
  options: SegmentedLogOptions,
  parts: { readonly disk: Disk; readonly random: Random; readonly checksum: Checksum; readonly log: Logger },
): Promise<SegmentedLog> {
  const names = (await parts.disk.list()).filter(isSegmentName)
  let identity: Uint8Array | undefined
  const segments: Segment[] = []
  for (const [i, name] of names.entries()) {
    const opened = await openSegment(name, i === names.length - 1, parts)
    if (opened === undefined) continue
    identity ??= opened.identity
    const expected = next(segments)
    if (segments.length > 0 && opened.segment.first !== expected) {
      throw new Fault(
        'feed/damaged',
        `${name} begins at ${opened.segment.first}, but the log before it ends at ${expected}: a segment is missing`,
        { name },
      )
    }
    segments.push(opened.segment)
  }
  // Nor is the name of the last one sure to be there after a power loss.
  if (names.length > 0) await parts.disk.syncNames()
  identity ??= parts.random.bytes(16)
  if (segments.length === 0) segments.push(await makeSegment(0, identity, parts))
  return new Log(options, parts, identity, segments)
}

function next(segments: readonly Segment[]): number {
  const last = segments.at(-1)
  return last === undefined ? 0 : last.first + last.offsets.length
}

type Parts = { readonly disk: Disk; readonly checksum: Checksum; readonly log: Logger }

/** Undefined where a crash left a segment without its header. */
async function openSegment(
  name: string,
  isLast: boolean,
  { disk, checksum, log }: Parts,
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
    segment: { file, name, first: head.first, offsets: scan.offsets, end: scan.end },
    identity: head.identity,
  }
}

async function makeSegment(first: number, identity: Uint8Array, { disk, checksum }: Parts): Promise<Segment> {
  const name = segmentName(first)
  const file = await disk.open(name)
  await file.truncate(0)
  await file.write(0, [encodeSegmentHead({ identity, first }, checksum)])
  await file.sync()
  await disk.syncNames()
  return { file, name, first, offsets: [], end: SEGMENT_HEAD_BYTES }
}

class Log implements SegmentedLog {
  readonly #options: SegmentedLogOptions
  readonly #parts: Parts
  readonly #identity: Uint8Array
  readonly #segments: Segment[]
  readonly #listeners = new Set<() => void>()
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  /** A failed write may have left bytes behind the end. */
  #dirty = false
  #closed = false

  constructor(options: SegmentedLogOptions, parts: Parts, identity: Uint8Array, segments: Segment[]) {
    this.#options = options
    this.#parts = parts
    this.#identity = identity
    this.#segments = segments
  }

  append(records: readonly Uint8Array[]): Promise<readonly number[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>()
    const bytes = records.reduce((sum, { length }) => sum + length, 0)
    const problem = this.#refusal(records, bytes)
    if (problem !== undefined) return Promise.reject(problem)
    this.#waiting.push({ records, bytes, settle: resolve, fail: reject })
    this.#waitingBytes += bytes
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined))
    return promise
  }

  async read(from: number, { maxBytes }: { readonly maxBytes: number }): Promise<readonly LogRecord[]> {
    const { first, next: end } = this.bounds()
    if (from < first)
      throw new Fault('feed/too-old', `position ${from} is below the first kept one, ${first}`, {
        from,
        first,
      })
    const segment = this.#segments.findLast((each) => each.first <= from)
    if (from >= end || segment === undefined) return []
    const begin = segment.offsets[from - segment.first] as number
    const last = this.#lastWithin(segment, from, begin, maxBytes)
    const bytes = await segment.file.read(begin, last - begin)
    const out: LogRecord[] = []
    for (let at = 0; at < bytes.length; ) {
      const record = decodeRecordAt(bytes, at, this.#parts.checksum)
      if (record === undefined || record.position !== from + out.length) {
        throw new Fault('feed/damaged', `${segment.name} is damaged at byte ${begin + at}`, {
          name: segment.name,
          at: begin + at,
        })
      }
      out.push({ position: record.position, bytes: record.body })
      at = record.end
    }
    return out
  }

  bounds(): LogBounds {
    return { first: this.#segments[0]?.first ?? 0, next: next(this.#segments) }
  }
  identity(): string {
    return toHex(this.#identity).slice(2)
  }
  onAppend(grown: () => void): () => void {
    this.#listeners.add(grown)
    return () => this.#listeners.delete(grown)
  }

  async trimBefore(position: number): Promise<void> {
    while (this.#segments.length > 1 && (this.#segments[1] as Segment).first <= position) {
      const dropped = this.#segments.shift() as Segment
      await dropped.file.close()
      await this.#parts.disk.remove(dropped.name)
    }
    await this.#parts.disk.syncNames()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#writing
    for (const { file } of this.#segments) await file.close()
  }

  #refusal(records: readonly Uint8Array[], bytes: number): Fault | undefined {
    if (this.#closed) return new Fault('feed/closed', 'the log is closed')
    const long = records.find(({ length }) => length > RECORD_BYTES_MAX)
    if (long !== undefined)
      return new Fault(
        'feed/record-too-large',
        `a record of ${long.length} bytes is over ${RECORD_BYTES_MAX}`,
      )
    if (records.length === 0) return new Fault('feed/empty-append', 'an append has records')
    if (this.#waitingBytes + bytes > WAITING_BYTES_MAX)
      return new Fault(
        'feed/overloaded',
        'too many bytes wait to be written: the disk is slower than what comes',
      )
    return undefined
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#writeGroup(group)
      } catch (thrown) {
        this.#dirty = true
        this.#parts.log.error('an append failed', { error: messageOf(thrown) })
        for (const each of group) each.fail(thrown)
      }
    }
  }

  #takeGroup(): Waiting[] {
    const group: Waiting[] = []
    let bytes = 0
    while (
      this.#waiting.length > 0 &&
      (group.length === 0 || bytes + (this.#waiting[0] as Waiting).bytes <= GROUP_BYTES_MAX)
    ) {
      const one = this.#waiting.shift() as Waiting
      bytes += one.bytes
      group.push(one)
    }
    this.#waitingBytes -= bytes
    return group
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const segment = await this.#roomySegment()
    if (this.#dirty) {
      await segment.file.truncate(segment.end)
      this.#dirty = false
    }
    const durable = next(this.#segments)
    const offsets: number[] = []
    const parts: Uint8Array[] = []
    const positions: number[][] = []
    let at = segment.end
    for (const { records } of group) {
      const first = durable + offsets.length
      const encoded = encodeAppend(records, first, durable, this.#parts.checksum)
      for (let i = 0; i < encoded.length; i += 2) {
        offsets.push(at)
        at += (encoded[i] as Uint8Array).length + (encoded[i + 1] as Uint8Array).length
      }
      parts.push(...encoded)
      positions.push(records.map((_, i) => first + i))
    }
    await segment.file.write(segment.end, parts)
    await segment.file.sync()
    // Only now: nobody reads a record before it is synced.
    segment.offsets.push(...offsets)
    segment.end = at
    for (const [i, each] of group.entries()) each.settle(positions[i] as number[])
    for (const grown of this.#listeners) grown()
  }

  async #roomySegment(): Promise<Segment> {
    const last = this.#segments.at(-1)
    assert(last !== undefined, 'a log has a segment')
    if (last.end < this.#options.segmentBytesMax || last.offsets.length === 0) return last
    const fresh = await makeSegment(next(this.#segments), this.#identity, this.#parts)
    this.#segments.push(fresh)
    return fresh
  }

  /** Offset after the last record of this segment that still fits, at least one. */
  #lastWithin(segment: Segment, from: number, begin: number, maxBytes: number): number {
    let index = from - segment.first + 1
    while (index < segment.offsets.length && (segment.offsets[index] as number) - begin < maxBytes) index++
    return segment.offsets[index] ?? segment.end
  }
}
