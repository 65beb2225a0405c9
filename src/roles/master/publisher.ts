/**
 * Puts frames, head events and beats on the feed, each once. Frames and the head that they lead to go in one append, parents before
 * children. What was read back whole with this master's own deltaHash is never published again, whoever published it: so neither a
 * restart, nor an append of unknown outcome, nor a second master puts a block there twice. A beat is a place, not a queue: the newest
 * replaces one that could not be appended.
 */
import type { BlockRef } from '#chain/block-ref.ts'
import { messageOf } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'
import type { Beat, Checked, HeadEvent, RecordBody } from '#protocol/feed/records.ts'
import { splitFrame } from '#wire/frame.ts'
import { encodeRecord } from '#wire/record.ts'
import { aborted, createBell } from './bell.ts'
import { type FeedLink, isTransient } from './feed-link.ts'
import type { EncodedFrame } from './messages.ts'
import type { MasterMetrics } from './metrics.ts'
import type { ReadBack } from './read-back.ts'
import { masterLimits } from './limits.ts'

/** Frames executed and not yet on the feed; at this many the follower waits. */
const QUEUED_FRAMES_MAX = masterLimits.queuedFramesMax.value
/** Bytes of frames in one append, at least one frame. */
const APPEND_BYTES_MAX = masterLimits.appendBytesMax.value

export interface Publisher {
  /** Takes an executed block, to be named as head in the same append or not; resolves when there is room for the next. */
  frame(frame: EncodedFrame, role: 'head' | 'passed'): Promise<void>
  /** Names a head whose frame was given before. */
  head(head: BlockRef): void
  /** Safe and finalized of the client; a change is named with the last head. */
  marks(safe: BlockRef | undefined, finalized: BlockRef | undefined): void
  beat(beat: Beat): void
  /** Publishes until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves when nothing is left to publish. */
  flushed(): Promise<void>
}

type Item =
  | { readonly kind: 'frame'; readonly frame: EncodedFrame }
  | { readonly kind: 'head'; readonly event: HeadEvent }

export interface PublisherCollaborators {
  readonly link: FeedLink
  readonly readBack: ReadBack
  readonly log: Logger
  readonly metrics: MasterMetrics
}

export function createPublisher(parts: PublisherCollaborators): Publisher {
  const { link, readBack, metrics } = parts
  const work = createBell()
  const progress = new Set<() => void>()
  let items: Item[] = []
  let frames = 0
  let waitingBeat: Beat | undefined
  let checked: Checked[] = []
  let named: BlockRef | undefined
  let safe: BlockRef | undefined
  let finalized: BlockRef | undefined

  const push = (item: Item): void => {
    items.push(item)
    if (item.kind === 'frame') frames++
    work.ring()
  }
  const waitUntil = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => progress.add(resolve))
  }
  const advanced = (): void => {
    for (const resolve of progress) resolve()
    progress.clear()
  }
  const nameHead = (head: BlockRef): void => {
    named = head
    const marks = { ...(safe && { safe }), ...(finalized && { finalized }) }
    push({ kind: 'head', event: { kind: 'headEvent', head, ...marks, checked } })
    checked = []
  }
  /** One append of what stands first in the queue, with the newest beat. */
  const publishSome = async (): Promise<void> => {
    const batch = takeBatch(items)
    const beat = waitingBeat
    const bodies = batch.flatMap((item) => bodiesOf(item, readBack, metrics))
    if (beat !== undefined) bodies.push(beat)
    if (bodies.length > 0) await link.append(bodies.map((body) => encodeRecord(readBack.envelope(body))))
    items = items.slice(batch.length)
    frames -= batch.filter(({ kind }) => kind === 'frame').length
    if (waitingBeat === beat) waitingBeat = undefined
    count(bodies, metrics)
    advanced()
  }

  return {
    async frame(frame, role) {
      checked.push({ block: frame.block, deltaHash: frame.deltaHash, level: frame.level })
      push({ kind: 'frame', frame })
      if (role === 'head') nameHead(frame.block)
      await waitUntil(() => frames < QUEUED_FRAMES_MAX)
    },
    head: nameHead,
    marks(newSafe, newFinalized) {
      if (newSafe?.hash === safe?.hash && newFinalized?.hash === finalized?.hash) return
      safe = newSafe ?? safe
      finalized = newFinalized ?? finalized
      if (named !== undefined) nameHead(named)
    },
    beat(beat) {
      waitingBeat = beat
      work.ring()
    },
    flushed: () => waitUntil(() => items.length === 0 && waitingBeat === undefined),
    async run(signal) {
      for (;;) {
        await work.hear(signal)
        if (signal.aborted) return
        while (items.length > 0 || waitingBeat !== undefined) {
          try {
            await Promise.race([publishSome(), aborted(signal)])
            if (signal.aborted) return
          } catch (thrown) {
            if (signal.aborted) return
            if (!isTransient(thrown)) throw thrown
            parts.log.warn('the feed was lost while publishing; what is missing there follows', {
              reason: messageOf(thrown),
            })
            await link.recover(signal)
            readBack.resumeSequence()
          }
        }
      }
    },
  }
}

/** Items from the front up to the bytes of one append. A head goes with the frames before it. */
function takeBatch(items: readonly Item[]): Item[] {
  const batch: Item[] = []
  let bytes = 0
  for (const item of items) {
    if (item.kind === 'frame') bytes += item.frame.bytes.length
    if (bytes > APPEND_BYTES_MAX && batch.length > 0) break
    batch.push(item)
  }
  return batch
}

function bodiesOf(item: Item, readBack: ReadBack, metrics: MasterMetrics): RecordBody[] {
  if (item.kind === 'head') return [item.event]
  if (!readBack.needs(item.frame.block, item.frame.deltaHash)) {
    metrics.suppressed.add(1)
    return []
  }
  return [...splitFrame(item.frame)]
}

function count(bodies: readonly RecordBody[], metrics: MasterMetrics): void {
  for (const body of bodies) {
    if (body.kind === 'beat') metrics.beats.add(1)
    if (body.kind !== 'framePart') continue
    metrics.publishedBytes.add(body.bytes.length)
    if (body.index === body.count - 1) metrics.published.add(1)
  }
}
