/**
 * Drives the served-head machine: feeds it what replicas say and what time it is, carries out its effects, and lets requests wait for
 * what is not there yet. Time is read when something happens, never cached.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { unreachable } from '#kernel/assert.ts'
import type { Clock, Timer } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import {
  createServedHead,
  type DecidedHead,
  type HeadEffect,
  type HeadInput,
  holders,
  step,
} from '#protocol/head/served-head.ts'
import type { GatewayMetrics } from './metrics.ts'

/** A timer that fires later than this was kept waiting by this process's own work. */
const LATE_MS = 10

export interface Head {
  served(): DecidedHead | undefined
  /** Addresses of the replicas that may be asked at the served head. */
  holders(): readonly string[]
  take(input: Timeless<HeadInput>): void
  /** What `ready` gives, as soon as it gives something; undefined after `untilMs` or when nobody waits any more. Asked again after each step. */
  wait<T>(ready: () => T | undefined, untilMs: number, signal: AbortSignal): Promise<T | undefined>
  close(): void
}

type Timeless<T> = T extends { readonly nowMs: number } ? Omit<T, 'nowMs'> : never

export interface HeadParts {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: GatewayMetrics
  readonly askFeedEnd: (address: string, nonce: number) => void
  /** What this replica was asked is asked elsewhere: it is silent and somebody else is there, or it is not trusted. */
  readonly giveUp: (address: string) => void
  readonly moved: (head: DecidedHead) => void
}

export function createHead(nonce: number, parts: HeadParts): Head {
  const { clock, log, metrics } = parts
  const view = createServedHead(nonce)
  const waiting = new Set<() => void>()
  /** Silent, and perhaps only slow: what they were asked waits for them until somebody else can be asked. */
  const silent = new Set<string>()
  let timer: Timer | undefined
  let shown: BlockRef | undefined

  const perform = (effect: HeadEffect): void => {
    switch (effect.kind) {
      case 'serve':
        countMove(metrics, log, shown, effect.head.head)
        shown = effect.head.head
        return parts.moved(effect.head)
      case 'askFeedEnd':
        return parts.askFeedEnd(effect.replica, effect.nonce)
      case 'evict':
        log.warn('a replica is silent and is not asked any more', { address: effect.replica })
        metrics.evicted.add(1)
        silent.add(effect.replica)
        return
      case 'distrust':
        log.error('a replica contradicts the others and is not asked any more', {
          address: effect.replica,
          why: effect.why,
        })
        return parts.giveUp(effect.replica)
      case 'arm':
        arm(effect.atMs)
        return
      default:
        return unreachable(effect, 'effects of the served head')
    }
  }
  const arm = (atMs: number): void => {
    timer?.cancel()
    timer = clock.after(atMs - clock.nowMs(), () => {
      // A busy loop runs its timers late and before it reads its sockets: what has come in time is heard before anybody is called silent.
      if (clock.nowMs() > atMs + LATE_MS) timer = clock.after(0, () => take({ kind: 'tick' }))
      else take({ kind: 'tick' })
    })
  }
  const leaveSilent = (able: readonly string[]): void => {
    for (const replica of silent) if (!able.includes(replica)) parts.giveUp(replica)
    silent.clear()
  }
  const take: Head['take'] = (input) => {
    for (const effect of step(view, { ...input, nowMs: clock.nowMs() })) perform(effect)
    const able = holders(view)
    metrics.routable.set(able.length)
    if (able.length > 0 && silent.size > 0) leaveSilent(able)
    for (const again of [...waiting]) again()
  }

  return {
    served: () => view.served,
    holders: () => holders(view),
    take,
    async wait(ready, untilMs, signal) {
      const now = ready()
      const leftMs = untilMs - clock.nowMs()
      if (now !== undefined || signal.aborted || leftMs <= 0) return now
      const found = Promise.withResolvers<ReturnType<typeof ready>>()
      const look = (): void => {
        const value = ready()
        if (value !== undefined) found.resolve(value)
      }
      const stop = (): void => found.resolve(undefined)
      const deadline = clock.after(leftMs, stop)
      waiting.add(look)
      signal.addEventListener('abort', stop)
      try {
        return await found.promise
      } finally {
        deadline.cancel()
        waiting.delete(look)
        signal.removeEventListener('abort', stop)
      }
    },
    close() {
      timer?.cancel()
    },
  }
}

function countMove(metrics: GatewayMetrics, log: Logger, from: BlockRef | undefined, to: BlockRef): void {
  metrics.headMoves.add(1)
  metrics.head.set(to.number)
  if (from === undefined || to.number >= from.number) return
  metrics.headSteppedDown.add(1)
  log.warn('the served head stepped down: the new branch is shorter and was held back long enough', {
    from: from.number,
    to: to.number,
  })
}
