/**
 * The applier's life: finds the feed, brings the store to its end, follows it as it grows, and finds it again when it is lost. The replica
 * serves what it has meanwhile. All waiting is here: the applier itself is synchronous.
 */
import type { Genesis } from '#chain/fork/genesis.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import { firstOf } from '#ports/abort.ts'
import type { Clock } from '#ports/clock.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import type { Memory } from '#ports/memory.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { Store } from '#state/store.ts'
import { Applier, type ApplierOptions, type ApplierParts } from './applier.ts'
import type { AnswererAsks, ApplierNews } from '#roles/replica/board.ts'
import { watchFeedCover } from './feed-cover.ts'
import { createFeedHealth } from './feed-health.ts'
import { catchUp } from './catch-up.ts'
import type { StartReader } from '#roles/replica/read-ahead/ready-frame.ts'
import { matchFeed, type Standing, standingOf } from '#roles/replica/standing.ts'

const RECONNECT_MS_MIN = 100
const RECONNECT_MS_MAX = 5_000
const PROGRESS_EVERY_MS = 2_000
const LAG_EVERY_MS = 5_000
/** Between two steps of tidying up, for whoever else needs this thread. */
const TIDY_PAUSE_MS = 2
/** Steps after each batch while catching up, when records always wait: history must not pile up behind. */
const TIDY_STEPS_A_BATCH = 4
const DISK_LOW_PAUSE_MS = 1_000

export interface FollowParts extends Omit<ApplierParts, 'moved'> {
  readonly genesis: Genesis
  readonly openLog: () => Promise<RecordLog>
  /** A thread that reads ahead while the store is far behind, where there is a core for one. */
  readonly startReader?: StartReader
  /** Of this process. */
  readonly memory?: Pick<Memory, 'read'>
  readonly answerers: Mailbox<ApplierNews, AnswererAsks>
}

/** Until the signal is aborted. @throws Fault of standingOf, wire/*, feed/foreign, replica/too-deep, store/* */
export async function followFeed(
  options: ApplierOptions & { readonly staleAfterMs: number; readonly feedCoverMinMs?: number },
  parts: FollowParts,
  signal: AbortSignal,
): Promise<void> {
  const { answerers, board, clock, log, store, genesis } = parts
  let current: RecordLog | undefined
  let applier: Applier | undefined
  let pauseMs = RECONNECT_MS_MIN
  const moved = (): void => answerers.post({ kind: 'moved' })
  const health = createFeedHealth(options, {
    ...parts,
    head: () => (applier === undefined ? 0 : headNumber(store)),
  })
  void health.watch(moved, signal)
  const { feedCoverMinMs } = options
  if (feedCoverMinMs !== undefined)
    void watchFeedCover({ feedCoverMinMs }, { ...parts, bounds: () => current?.bounds() }, signal)
  answerers.onMessage(({ nonce }) => void tellFeedEnd(nonce))
  const tellFeedEnd = async (nonce: number): Promise<void> => {
    const next = await current?.bounds().then(
      (bounds) => bounds.next,
      () => undefined,
    )
    answerers.post({ kind: 'feedEnd', nonce, next })
  }

  while (!signal.aborted) {
    try {
      current = await parts.openLog()
      if (applier === undefined) {
        const standing = await begin(options, parts, current, signal)
        applier = new Applier(options, { ...parts, moved }, standing)
        board.setSequence(standing.sequence)
      } else await matchFeed(store, genesis, current)
      board.setFeedEnd((await current.bounds()).next)
      pauseMs = RECONNECT_MS_MIN
      await consume(applier, current, { ...parts, heard: health.heard }, signal)
    } catch (thrown) {
      if (signal.aborted) break
      if (!isPassing(thrown)) throw thrown
      log.warn('the feed is away; serving what is here and trying again', {
        reason: messageOf(thrown),
        pauseMs,
      })
      await clock.sleep(pauseMs, signal).catch(() => {}) // aborted: the loop ends
      pauseMs = Math.min(RECONNECT_MS_MAX, 2 * pauseMs)
    } finally {
      await current?.close().catch(() => {}) // it is given up in any case
      current = undefined
    }
  }
}

function headNumber(store: Store): number {
  const snapshot = store.snapshot()
  const { number } = snapshot.heads.head
  snapshot.release()
  return number
}

/** The store is there, and near the feed's end. */
async function begin(
  options: ApplierOptions,
  parts: FollowParts,
  feed: RecordLog,
  signal: AbortSignal,
): Promise<Standing> {
  const { answerers, board, store, genesis } = parts
  const { sequence, position } = await standingOf(store, genesis, feed, signal)
  board.setSequence(sequence)
  board.setApplied(position)
  board.setFeedEnd((await feed.bounds()).next)
  answerers.post({ kind: 'opened' })
  return whenRoom(() => catchUp(options, { ...parts, feed }, signal), parts, signal)
}

/** Trouble that passes; everything else is somebody's decision. */
function isPassing(thrown: unknown): boolean {
  return PASSING.includes(faultCode(thrown) ?? '')
}

const PASSING: readonly string[] = [
  ...['feed/lost', 'net/unreachable', 'net/timeout'],
  // Of brokers and topics: somebody mends them.
  ...['feed/refused', 'feed/topic-missing', 'feed/topic-settings'],
]

/** Takes records from the log until it is lost or the signal is aborted; between them, what waits for time or for quiet. */
async function consume(
  applier: Applier,
  feed: RecordLog,
  parts: FollowParts & { readonly heard: () => void },
  signal: AbortSignal,
): Promise<void> {
  const { board } = parts
  const stop = new AbortController()
  const batches = feed.tail(applier.position(), firstOf(signal, stop.signal))[Symbol.asyncIterator]()
  const progress = createProgress(applier, feed, parts)
  await whenRoom(() => applier.flush(), parts, signal) // says how far the store is, also where nothing comes
  progress.readyIfThere()
  let coming = batches.next()
  try {
    for (;;) {
      await whileQuiet(applier, coming, parts, signal)
      progress.readyIfThere()
      const { done, value: records } = await coming
      if (done === true) return
      parts.heard()
      const isEndFar = !board.isReady() && applier.position() + records.length < board.feedEnd()
      await whenRoom(() => (isEndFar ? applier.gather(records) : applier.take(records)), parts, signal)
      if (applier.halted() !== undefined) return await aborted(signal)
      progress.readyIfThere()
      await progress.tell()
      if (!board.isReady()) await tidyABit(applier, parts, signal)
      coming = batches.next()
    }
  } finally {
    stop.abort()
    await coming.catch(() => {}) // what it was has been thrown already, or the tail is given up
    await batches.return?.()
  }
}

/** Until records come: tidies up in small steps, and steps down once a held head has waited long enough. */
async function whileQuiet(
  applier: Applier,
  coming: Promise<unknown>,
  parts: FollowParts,
  signal: AbortSignal,
): Promise<void> {
  let untidy = parts.board.isReady()
  for (;;) {
    const heldForMs = applier.heldForMs()
    const tidyInMs = untidy ? Math.max(TIDY_PAUSE_MS, applier.tidyInMs()) : undefined
    const waitMs = tidyInMs === undefined ? heldForMs : Math.min(tidyInMs, heldForMs ?? tidyInMs)
    if (waitMs === undefined || (await isHereWithin(parts.clock, coming, waitMs)) || signal.aborted) return
    if (heldForMs !== undefined) await whenRoom(() => applier.flush(), parts, signal)
    if (untidy && applier.tidyInMs() === 0) untidy = await whenRoom(() => applier.tidy(), parts, signal)
  }
}

async function tidyABit(applier: Applier, parts: FollowParts, signal: AbortSignal): Promise<void> {
  for (let step = 0; step < TIDY_STEPS_A_BATCH; step++)
    if (!(await whenRoom(() => applier.tidy(), parts, signal))) return
}

async function isHereWithin(clock: Clock, coming: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = clock.after(ms, () => late.resolve(false))
  const here = coming.then(
    () => true,
    () => true, // its failure is seen by who awaits it next
  )
  const isHere = await Promise.race([here, late.promise])
  timer.cancel()
  return isHere
}

/** With the disk full nothing is applied, and everything is served, until there is room. */
async function whenRoom<T>(
  work: () => T | Promise<T>,
  { clock, log }: FollowParts,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (thrown) {
      if (faultCode(thrown) !== 'store/disk-low') throw thrown
      log.error('the disk is full: nothing is applied until there is room', { reason: messageOf(thrown) })
      await clock.sleep(DISK_LOW_PAUSE_MS, signal)
    }
  }
}

/** How far the applier is from the feed's end: for answer threads, for people, for metrics. */
function createProgress(
  applier: Applier,
  feed: RecordLog,
  { board, clock, log, metrics, answerers }: FollowParts,
) {
  const startMs = clock.nowMs()
  const startAt = applier.position()
  let toldMs = startMs
  let askedMs = startMs
  return {
    readyIfThere(): void {
      if (board.isReady() || board.applied() < board.feedEnd()) return
      board.setReady()
      answerers.post({ kind: 'moved' })
      log.info('at the end of the feed; serving', { position: applier.position() })
    },
    async tell(): Promise<void> {
      const nowMs = clock.nowMs()
      if (nowMs - askedMs >= LAG_EVERY_MS) {
        askedMs = nowMs
        metrics.lag.set((await feed.bounds()).next - applier.position())
      }
      if (board.isReady() || nowMs - toldMs < PROGRESS_EVERY_MS) return
      toldMs = nowMs
      const done = applier.position() - startAt
      const left = board.feedEnd() - applier.position()
      const secondsLeft = Math.ceil((left * (nowMs - startMs)) / Math.max(1, done) / 1_000)
      log.info('catching up', { position: applier.position(), of: board.feedEnd(), secondsLeft })
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}
