/**
 * Puts frames, head events and beats on the feed: carries out what `protocol/feed/publishing.ts` decides, with the feed, a clock and the
 * frames' bytes. Frames and the head that they lead to go in one append. A beat is a place, not a queue: the newest replaces one that
 * could not be appended, and none waits for a frame's grace.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { messageOf } from '#kernel/fault.ts'
import type { Clock, Timer } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import { ReadBackTimes } from '#protocol/feed/grace.ts'
import { type Item, Publishing, type Standing } from '#protocol/feed/publishing.ts'
import type { Beat, RecordBody } from '#protocol/feed/frames/records.ts'
import { splitFrame } from '#wire/frame.ts'
import { encodeRecord } from '#wire/record.ts'
import { type Bell, orAborted } from '#roles/master/bell.ts'
import { type FeedLink, isTransient } from './feed-link.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { EncodedFrame } from '#roles/master/execute/messages.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'
import type { ReadBack } from './read-back.ts'

/** Appends whose read-back is awaited; past that the oldest is not measured. */
const AWAITED_MAX = 64
const WORDS_MAX = masterLimits.maintenanceWordsMax.value

export interface Publisher {
  /** Takes an executed block, to be named as head in the same append or not; resolves when there is room for the next. */
  frame(frame: EncodedFrame, role: 'head' | 'passed'): Promise<void>
  /** Names a head whose frame was given before; resolves when there is room for the next. */
  head(head: BlockRef): Promise<void>
  /** Safe and finalized of the client; a change is named with the last head. */
  marks(safe: BlockRef | undefined, finalized: BlockRef | undefined): void
  beat(beat: Beat): void
  /** Puts a word of an operator on the feed; resolves when it is there, and with false at once where too many wait. */
  say(body: RecordBody): Promise<boolean>
  /** Publishes until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves when nothing is left to publish. */
  flushed(): Promise<void>
}

export interface PublisherCollaborators {
  readonly link: FeedLink
  readonly readBack: ReadBack
  /** Rings at each record that was read back. */
  readonly work: Bell
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MasterMetrics
  /** As it was learned; undefined where there is none. */
  readonly blockTimeMs?: () => number | undefined
  readonly partBytesMax?: number | undefined
}

export function createPublisher(parts: PublisherCollaborators): Publisher {
  const { link, readBack, work, clock, metrics } = parts
  const publishing = new Publishing<EncodedFrame>()
  const room = createWaiters()
  const readBacks = createReadBackWatch(parts)
  let waitingBeat: Beat | undefined
  /** Appended again where that is not known; readers count the first. */
  let words: readonly { readonly body: RecordBody; readonly said: () => void }[] = []
  let timer: Timer | undefined

  const standing = (): Standing => {
    const rank = readBack.rank()
    metrics.rank.set(rank ?? -1)
    return {
      nowMs: clock.nowMs(),
      ...{ rank, graceMs: readBacks.graceMs(parts.blockTimeMs?.()), openSinceMs: link.openSinceMs() },
      needs: readBack.needs,
    }
  }
  /** One append of what may be said now, with the newest beat; false where there is nothing more to do for the moment. */
  const publishSome = async (): Promise<boolean> => {
    readBacks.look()
    timer?.cancel()
    const at = standing()
    metrics.suppressed.add(publishing.settle(at))
    room.wake()
    const next = publishing.next(at)
    if (next.kind === 'look') {
      await link.readToEnd()
      publishing.looked(at.nowMs)
      return true
    }
    const beat = waitingBeat
    const bodies: RecordBody[] =
      next.kind === 'append' ? next.items.flatMap((item) => bodiesOf(item, parts.partBytesMax)) : []
    const saying = words
    bodies.push(...saying.map(({ body }) => body))
    if (beat !== undefined) bodies.push(beat)
    if (bodies.length === 0) {
      if (next.kind === 'wait' && next.untilMs < Number.POSITIVE_INFINITY)
        timer = clock.after(next.untilMs - at.nowMs, work.ring)
      return false
    }
    const last = await link.append(bodies.map((body) => encodeRecord(readBack.envelope(body))))
    readBacks.appended(last, at.nowMs)
    publishing.appended()
    if (waitingBeat === beat) waitingBeat = undefined
    words = words.slice(saying.length)
    for (const { said } of saying) said()
    count(bodies, metrics)
    room.wake()
    return true
  }
  const publishAll = async (signal: AbortSignal): Promise<void> => {
    for (let more = true; more && !signal.aborted; ) {
      try {
        more = (await orAborted(publishSome(), signal)) === true
      } catch (thrown) {
        if (signal.aborted) return
        if (!isTransient(thrown)) throw thrown
        parts.log.warn('the feed was lost while publishing; what is missing there follows', {
          reason: messageOf(thrown),
        })
        await link.recover(signal)
        readBack.resumeSequence()
        publishing.lost()
        readBacks.lost()
      }
    }
  }

  return {
    async frame(frame, role) {
      publishing.proven(frame, clock.nowMs())
      if (readBack.needs(frame.block, frame.deltaHash) && readBack.rank() !== 0) metrics.graceWaits.add(1)
      if (role === 'head') publishing.named(frame.block)
      work.ring()
      await room.until(() => !publishing.isFull())
    },
    async head(head) {
      publishing.named(head)
      work.ring()
      await room.until(() => !publishing.isFull())
    },
    marks(safe, finalized) {
      publishing.marks(safe, finalized)
      work.ring()
    },
    beat(beat) {
      waitingBeat = beat
      work.ring()
    },
    say(body) {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      if (words.length >= WORDS_MAX) return Promise.resolve(false)
      words = [...words, { body, said: () => resolve(true) }]
      work.ring()
      return promise
    },
    flushed: () => room.until(() => publishing.isEmpty() && waitingBeat === undefined),
    async run(signal) {
      try {
        while (!signal.aborted) {
          await work.hear(signal)
          await publishAll(signal)
        }
      } finally {
        timer?.cancel()
        room.close()
      }
    },
  }
}

/** Those who wait for room, let go all at once when nothing is published any more. */
function createWaiters() {
  let waiting: (() => void)[] = []
  let closed = false
  const wake = (): void => {
    const woken = waiting
    waiting = []
    for (const resolve of woken) resolve()
  }
  return {
    wake,
    async until(condition: () => boolean): Promise<void> {
      while (!closed && !condition()) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    close() {
      closed = true
      wake()
    },
  }
}

/** Measures how long appends take to be read back. */
function createReadBackWatch({ link, clock, metrics }: PublisherCollaborators) {
  const times = new ReadBackTimes()
  let awaited: { readonly position: number; readonly startedMs: number }[] = []
  const look = (): void => {
    if (awaited.every(({ position }) => position >= link.position())) return
    for (const { position, startedMs } of awaited)
      if (position < link.position()) times.add(clock.nowMs() - startedMs)
    awaited = awaited.filter(({ position }) => position >= link.position())
    metrics.readBackP99.set(times.p99Ms() / 1_000)
  }
  return {
    look,
    appended(position: number, startedMs: number): void {
      awaited = [...awaited.slice(1 - AWAITED_MAX), { position, startedMs }]
    },
    /** What was under way says how long the feed was away, not how fast it is. */
    lost(): void {
      awaited = []
    },
    graceMs: (blockTimeMs: number | undefined) => times.graceMs(blockTimeMs),
  }
}

function bodiesOf(item: Item<EncodedFrame>, partBytesMax: number | undefined): readonly RecordBody[] {
  return item.kind === 'head' ? [item.event] : splitFrame(item.frame, partBytesMax)
}

function count(bodies: readonly RecordBody[], metrics: MasterMetrics): void {
  for (const body of bodies) {
    if (body.kind === 'beat') metrics.beats.add(1)
    if (body.kind !== 'framePart') continue
    metrics.publishedBytes.add(body.bytes.length)
    if (body.index === body.count - 1) metrics.published.add(1)
  }
}
