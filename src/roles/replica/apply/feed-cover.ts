/**
 * How long the feed would still hold what a store needs next, were the store stopped now: from its position to the feed's start, at the
 * rate at which records have come of late. A feed that still has its first record covers every store for ever. What is told here is a
 * guess with a margin, for people: whether a store can go on is decided by the feed, when it is asked (`feed/too-old`).
 */
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { LogBounds } from '#ports/record-log/record-log.ts'
import type { ApplierMetrics } from './applier-metrics.ts'
import type { Board } from '#roles/replica/board.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const LOOK_EVERY_MS = replicaLimits.coverLookEveryMs.value
const SAMPLES_MAX = replicaLimits.coverSamplesMax.value
/** Told again only when it is so much more than the margin: a guess moves about. */
const ENOUGH_AGAIN = 1.25

export interface CoverSample extends LogBounds {
  readonly atMs: number
}

/** Seconds; Infinity where nothing was dropped; undefined while the rate is not known. @param samples oldest first */
export function coverSeconds(samples: readonly CoverSample[], position: number): number | undefined {
  const [oldest, newest] = [samples[0], samples.at(-1)]
  if (oldest === undefined || newest === undefined) return undefined
  if (newest.first === 0) return Number.POSITIVE_INFINITY
  const seconds = (newest.atMs - oldest.atMs) / 1_000
  const records = newest.next - oldest.next
  if (seconds <= 0 || records <= 0) return undefined
  return (Math.max(0, position - newest.first) * seconds) / records
}

/** Looks until the signal is aborted. @param bounds of the feed; undefined while it is away */
export async function watchFeedCover(
  options: { readonly feedCoverMinMs: number },
  parts: {
    readonly board: Board
    readonly clock: Clock
    readonly log: Logger
    readonly metrics: ApplierMetrics
    readonly bounds: () => Promise<LogBounds> | undefined
  },
  signal: AbortSignal,
): Promise<void> {
  const { board, clock, log, metrics } = parts
  const minSeconds = options.feedCoverMinMs / 1_000
  let samples: readonly CoverSample[] = []
  let short = false
  const look = async (): Promise<void> => {
    const bounds = await parts.bounds()?.catch(() => undefined) // it is away, which others tell
    if (bounds === undefined) return
    samples = [...samples, { ...bounds, atMs: clock.nowMs() }].slice(-SAMPLES_MAX)
    const seconds = coverSeconds(samples, board.applied())
    board.setFeedCover({ first: bounds.first, seconds })
    metrics.feedFirst.set(bounds.first)
    if (seconds === undefined) return
    metrics.feedCover.set(seconds)
    const isShort = seconds < (short ? minSeconds * ENOUGH_AGAIN : minSeconds)
    if (isShort === short) return
    short = isShort
    const facts = { seconds: Math.round(seconds), position: board.applied(), feedFirst: bounds.first }
    if (short)
      log.warn('the feed covers this store for a short time only: stopped for longer it is lost', facts)
    else log.info('the feed covers this store for long enough again', facts)
  }
  while (!signal.aborted) {
    await look()
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {}) // aborted: the loop ends
  }
}
