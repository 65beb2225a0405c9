/**
 * How a replica stands to its feed, in block times: is it silent, is the replica behind, or does the chain itself stand still? Masters beat
 * at least once a second, so a feed without records is lost, whatever a connection says. A replica that has not heard it for longer than
 * its operator allows leaves: it answers on, for whoever asks it directly, but gateways and load balancers are told not to. It comes back
 * when it is at the end again, and has been for a while, so that it does not flicker.
 */
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { ApplierMetrics } from './applier-metrics.ts'
import type { Board } from '#roles/replica/board.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const LOOK_EVERY_MS = replicaLimits.healthLookEveryMs.value
/** Heard again for so long before it comes back. */
const BACK_AFTER_MS = replicaLimits.healthBackAfterMs.value
/** No new block of any master for so many block times, while masters are heard: the chain stands still. */
const STALLED_BLOCK_TIMES = 10
const STALLED_MS_MIN = replicaLimits.chainStalledMinMs.value
/** Weight of the newest block in the learned block time. */
const NEWEST = 0.2

export interface FeedHealth {
  /** Records have come. */
  heard(): void
  /** Until the signal is aborted. @param moved told when the board says something else */
  watch(moved: () => void, signal: AbortSignal): Promise<void>
}

export function createFeedHealth(
  options: { readonly staleAfterMs: number },
  parts: {
    readonly board: Board
    readonly clock: Clock
    readonly log: Logger
    readonly metrics: ApplierMetrics
    /** Number of the store's head. */
    readonly head: () => number
  },
): FeedHealth {
  const { board, clock, log, metrics } = parts
  let heardMs = clock.nowMs()
  let backSinceMs: number | undefined
  let announced = board.announcedNumber()
  let announcedMs = heardMs
  let blockMs: number | undefined
  let stalled = false

  const lookAtChain = (nowMs: number): void => {
    const number = board.announcedNumber()
    if (number > announced) {
      const eachMs = (nowMs - announcedMs) / (number - announced)
      // The first interval begins with this life, not with a block.
      blockMs =
        announced === 0 ? undefined : blockMs === undefined ? eachMs : blockMs + NEWEST * (eachMs - blockMs)
      announced = number
      announcedMs = nowMs
    }
    const isHeard = nowMs - heardMs < STALLED_MS_MIN
    const limitMs = Math.max(STALLED_MS_MIN, STALLED_BLOCK_TIMES * (blockMs ?? Number.POSITIVE_INFINITY))
    const isStalled = isHeard && nowMs - announcedMs > limitMs
    if (isStalled !== stalled) {
      stalled = isStalled
      if (stalled)
        log.warn('the chain stands still: masters are heard, and none has a new block', {
          number: announced,
          seconds: Math.round((nowMs - announcedMs) / 1_000),
        })
      else log.info('the chain goes on', { number: announced })
    }
    metrics.stalled.set(stalled ? 1 : 0)
    metrics.behind.set(Math.max(0, announced - parts.head()))
  }
  /** True where the board says something else now. */
  const lookAtFeed = (nowMs: number): boolean => {
    const silentMs = nowMs - heardMs
    metrics.silent.set(silentMs / 1_000)
    if (!board.isStale()) {
      if (silentMs <= options.staleAfterMs) return false
      log.error('the feed is silent for too long: this replica leaves until it hears it again', {
        seconds: Math.round(silentMs / 1_000),
      })
      board.setStale(true)
      backSinceMs = undefined
      return true
    }
    const isBack = silentMs <= BACK_AFTER_MS && board.applied() >= board.feedEnd()
    if (!isBack) backSinceMs = undefined
    else backSinceMs ??= nowMs
    if (backSinceMs === undefined || nowMs - backSinceMs < BACK_AFTER_MS) return false
    log.info('the feed is heard again: this replica comes back')
    board.setStale(false)
    return true
  }

  return {
    heard() {
      heardMs = clock.nowMs()
    },
    async watch(moved, signal) {
      while (!signal.aborted) {
        const nowMs = clock.nowMs()
        lookAtChain(nowMs)
        if (lookAtFeed(nowMs)) moved()
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {}) // aborted: the loop ends
      }
    },
  }
}
