/**
 * The embedded feed: an append-only log in segments, each record with a checksum, appends grouped into one sync (group commit). A record is
 * readable only after it is synced; an append is whole or not there at all. On opening, the last segment is read: a torn tail is cut and
 * reported; damage in what had been synced is an error that names the place, and nothing is cut. Of the others the heads alone are read, and
 * each says how the one before it ended; damage in them is found by who reads there. Segments are made so that retention can drop whole ones.
 */
import { toHex } from '#kernel/bytes.ts'
import { assert } from '#kernel/assert.ts'
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Disk } from '#ports/storage/disk.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { LogBounds, LogRecord, LogSegment } from '#ports/record-log/record-log.ts'
import { feedHostLimits } from './limits.ts'
import { type Checksum, decodeRecordAt, encodeAppend, isSegmentName, RECORD_BYTES_MAX } from './segment.ts'
import { damaged, walkSegment } from './recover.ts'
import { makeSegment, next, openSegments, type Segment } from './segment-file.ts'

export interface SegmentedLogOptions {
  readonly segmentBytesMax: number
}

/** Appends waiting for their sync: over it further ones are refused. */
const WAITING_BYTES_MAX = feedHostLimits.waitingBytesMax.value
/** Of one group: what is written between two syncs. */
const GROUP_BYTES_MAX = feedHostLimits.groupBytesMax.value

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
  /** Drops whole segments that lie below `position`, the oldest first, never the one that is written. A crash in between leaves a log that
   *  begins earlier. @throws Fault feed/trim, disk/* */
  trim(position: number): Promise<LogBounds>
  segments(): readonly LogSegment[]
  /** Milliseconds since 1970 as the log's segments have them: a clock that jumps while the log is open does not move it. */
  nowMs(): number
  close(): Promise<void>
}

interface LogParts {
  readonly disk: Disk
  readonly checksum: Checksum
  readonly clock: Clock
  readonly log: Logger
}

/** @throws Fault feed/damaged, feed/version, disk/* */
export async function openSegmentedLog(
  options: SegmentedLogOptions,
  parts: LogParts & { readonly random: Random },
): Promise<SegmentedLog> {
  const names = (await parts.disk.list()).filter(isSegmentName)
  const { segments, identity: found } = await openSegments(names, parts)
  // Nor is the name of the last one sure to be there after a power loss.
  if (names.length > 0) await parts.disk.syncNames()
  const identity = found ?? parts.random.bytes(16)
  if (segments.length === 0) {
    const begunMs = Math.round(parts.clock.wallMs())
    segments.push(await makeSegment({ first: 0, identity, begunMs, previous: undefined }, parts))
  }
  return new Log(options, parts, identity, segments)
}

class Log implements SegmentedLog {
  readonly #options: SegmentedLogOptions
  readonly #parts: LogParts
  readonly #identity: Uint8Array
  readonly #segments: Segment[]
  readonly #listeners = new Set<() => void>()
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  /** A failed write may have left bytes behind the end. */
  #dirty = false
  #closed = false
  #trimming: Promise<unknown> = Promise.resolve()
  readonly #walking = new Map<Segment, Promise<number[]>>()
  /** Names were removed, and that may not be on the disk yet. */
  #namesUnsynced = false
  /** Of the wall clock to the monotonic one when the log was opened. */
  readonly #epochMs: number

  constructor(options: SegmentedLogOptions, parts: LogParts, identity: Uint8Array, segments: Segment[]) {
    this.#options = options
    this.#parts = parts
    this.#identity = identity
    this.#segments = segments
    this.#epochMs = parts.clock.wallMs() - parts.clock.nowMs()
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
    if (from < first) throw tooOld(from, first)
    const segment = this.#segments.findLast((each) => each.first <= from)
    if (from >= end || segment === undefined) return []
    const offsets = await this.#offsetsOf(segment, from)
    const begin = offsets[from - segment.first] as number
    const last = lastWithin(segment, offsets, from, maxBytes)
    const bytes = await this.#reading(segment, from, () => segment.file.read(begin, last - begin))
    const out: LogRecord[] = []
    for (let at = 0; at < bytes.length; ) {
      const record = decodeRecordAt(bytes, at, this.#parts.checksum)
      if (record === undefined || record.position !== from + out.length)
        throw this.#told(damaged(segment.name, begin + at))
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

  trim(position: number): Promise<LogBounds> {
    const trimmed = this.#trimming.then(() => this.#trim(position))
    this.#trimming = trimmed.catch(() => {}) // told to whoever asked
    return trimmed
  }

  segments(): readonly LogSegment[] {
    return this.#segments.map(({ first, begunMs, next: after, end }) => ({
      ...{ first, next: after, bytes: end },
      begunMs: begunMs === 0 ? undefined : begunMs,
    }))
  }

  nowMs(): number {
    return Math.round(this.#epochMs + this.#parts.clock.nowMs())
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#writing, this.#trimming])
    for (const { file } of this.#segments) await file.close()
  }

  /** One after another, each removal on the disk before the next: whatever a power loss undoes, no segment is missing between two. */
  async #trim(position: number): Promise<LogBounds> {
    if (position > this.bounds().next)
      throw new Fault(
        'feed/trim',
        `position ${position} is not on the feed yet: it ends at ${this.bounds().next}`,
      )
    const { disk } = this.#parts
    for (;;) {
      if (this.#namesUnsynced) await disk.syncNames()
      this.#namesUnsynced = false
      const [oldest, second] = this.#segments
      if (this.#closed || oldest === undefined || second === undefined || second.first > position)
        return this.bounds()
      // Open until it is off the list: who reads it meanwhile reads on.
      await disk.remove(oldest.name)
      this.#segments.shift()
      this.#namesUnsynced = true
      await oldest.file.close()
    }
  }

  /** Several readers of one that is not known yet wait for the same walk. */
  async #offsetsOf(segment: Segment, from: number): Promise<readonly number[]> {
    if (segment.offsets !== undefined) return segment.offsets
    let walking = this.#walking.get(segment)
    if (walking === undefined) {
      walking = walkSegment(segment).finally(() => this.#walking.delete(segment))
      this.#walking.set(segment, walking)
    }
    segment.offsets = await this.#reading(segment, from, () => walking)
    return segment.offsets
  }

  async #reading<T>(segment: Segment, from: number, read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (thrown) {
      if (this.#segments.includes(segment)) throw this.#told(thrown)
      throw tooOld(from, this.bounds().first)
    }
  }

  /** Damage of finished segments is found when they are read. */
  #told<T>(thrown: T): T {
    if (faultCode(thrown) === 'feed/damaged')
      this.#parts.log.error('the log is damaged', { error: messageOf(thrown) })
    return thrown
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
    assert(segment.offsets !== undefined, 'the segment that is written is known')
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
    for (const offset of offsets) segment.offsets.push(offset)
    segment.next += offsets.length
    segment.end = at
    for (const [i, each] of group.entries()) each.settle(positions[i] as number[])
    for (const grown of this.#listeners) grown()
  }

  async #roomySegment(): Promise<Segment> {
    const last = this.#segments.at(-1)
    assert(last !== undefined, 'a log has a segment')
    if (last.end < this.#options.segmentBytesMax || last.next === last.first) return last
    const head = {
      first: next(this.#segments),
      identity: this.#identity,
      begunMs: Math.max(last.begunMs, this.nowMs()),
      previous: { first: last.first, end: last.end },
    }
    const fresh = await makeSegment(head, this.#parts)
    this.#segments.push(fresh)
    return fresh
  }
}

/** Offset after the last record of this segment that still fits, at least one. */
function lastWithin(segment: Segment, offsets: readonly number[], from: number, maxBytes: number): number {
  const begin = offsets[from - segment.first] as number
  let index = from - segment.first + 1
  while (index < offsets.length && (offsets[index] as number) - begin < maxBytes) index++
  return offsets[index] ?? segment.end
}

function tooOld(from: number, first: number): Fault {
  return new Fault(
    'feed/too-old',
    `position ${from} was asked for, and the feed begins at ${first}: it has dropped what was before`,
    {
      from,
      first,
    },
  )
}
