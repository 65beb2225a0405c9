/**
 * The applier's life: finds the feed, brings the store to its end, follows it as it grows, and finds it again when it is lost. The replica
 * serves what it has meanwhile.
 */
import type { Genesis } from '#chain/genesis.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import type { RecordLog } from '#ports/record-log.ts'
import { Applier, type ApplierOptions, type ApplierParts } from './applier.ts'
import type { AnswererAsks, ApplierNews } from './board.ts'
import { matchFeed, standingOf } from './standing.ts'

const RECONNECT_MS_MIN = 100
const RECONNECT_MS_MAX = 5_000
const PROGRESS_EVERY_MS = 2_000

export interface FollowParts extends Omit<ApplierParts, 'moved'> {
  readonly genesis: Genesis
  readonly openLog: () => Promise<RecordLog>
  readonly answerers: Mailbox<ApplierNews, AnswererAsks>
}

/** Until the signal is aborted. @throws Fault of standingOf, wire/*, feed/foreign, replica/too-deep, store/* */
export async function followFeed(
  options: ApplierOptions,
  parts: FollowParts,
  signal: AbortSignal,
): Promise<void> {
  const { answerers, board, clock, log } = parts
  const moved = (): void => answerers.post({ kind: 'moved' })
  let current: RecordLog | undefined
  let applier: Applier | undefined
  let pauseMs = RECONNECT_MS_MIN
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
        const standing = await standingOf(parts.store, parts.genesis, current, signal)
        applier = new Applier(options, { ...parts, moved }, standing)
        board.setSequence(standing.sequence)
        answerers.post({ kind: 'opened' })
      } else await matchFeed(parts.store, parts.genesis, current)
      board.setFeedEnd((await current.bounds()).next)
      pauseMs = RECONNECT_MS_MIN
      await consume(applier, current, parts, moved, signal)
    } catch (thrown) {
      if (signal.aborted) break
      if (!isFeedTrouble(thrown)) throw thrown
      log.warn('the feed is away; serving what is here and trying again', {
        reason: messageOf(thrown),
        pauseMs,
      })
      await clock.sleep(pauseMs, signal).catch(() => {})
      pauseMs = Math.min(RECONNECT_MS_MAX, 2 * pauseMs)
    } finally {
      await current?.close().catch(() => {})
    }
  }
  applier?.stop()
}

async function consume(
  applier: Applier,
  feed: RecordLog,
  parts: FollowParts,
  moved: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { board, clock, log } = parts
  let toldMs = clock.nowMs()
  const startMs = toldMs
  const startAt = applier.position()
  const readyIfThere = (): void => {
    if (board.isReady() || applier.isHolding() || applier.position() < board.feedEnd()) return
    board.setReady()
    moved()
    log.info('at the end of the feed; serving', { position: applier.position() })
  }
  board.setApplied(applier.position())
  readyIfThere()
  for await (const records of feed.tail(applier.position(), signal)) {
    applier.take(records)
    if (applier.halted() !== undefined) return aborted(signal)
    readyIfThere()
    if (!board.isReady() && clock.nowMs() - toldMs > PROGRESS_EVERY_MS) {
      toldMs = clock.nowMs()
      const done = applier.position() - startAt
      const left = board.feedEnd() - applier.position()
      const secondsLeft = Math.ceil((left * (toldMs - startMs)) / Math.max(1, done) / 1_000)
      log.info('catching up', { position: applier.position(), of: board.feedEnd(), secondsLeft })
    }
    if (board.isReady()) applier.tidy()
  }
}

/** Trouble that passes; everything else is somebody's decision. */
function isFeedTrouble(thrown: unknown): boolean {
  return ['feed/lost', 'net/unreachable', 'net/timeout', 'feed/append-unknown', 'scope/closed'].includes(
    faultCode(thrown) ?? '',
  )
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}
