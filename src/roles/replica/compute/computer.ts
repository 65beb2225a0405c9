/**
 * A compute thread: runs the heavy calls that answer threads set aside, one at a time, at the head of the body that each came from, with all
 * of a call's gas and time. It has no socket, and a priority below those that have.
 */
import type { ChainConfig } from '#chain/fork/rules.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import type { Meter } from '#ports/meter/meter.ts'
import type { Store } from '#state/store.ts'
import { retryLater, runCall } from '#roles/replica/answer/answer-call.ts'
import { type AnswerContext, HeadGone, NotHereYet, TooHeavy } from '#roles/replica/answer/answer-context.ts'
import { declareAnswerMetrics } from '#roles/replica/answer/answer-metrics.ts'
import { type BodyOptions, notServedYet } from '#roles/replica/answer/answer-body.ts'
import type { Board } from '#roles/replica/board.ts'
import type { Cancelled, ComputeNews, ComputeOrder } from './compute-messages.ts'
import { createMethods } from '#roles/replica/methods/methods.ts'
import { createResultCache } from '#roles/replica/answer/result-cache.ts'
import { bindRenewed } from '#roles/replica/view/renewed-snapshot.ts'
import { assert } from '#kernel/assert.ts'

export interface ComputerParts {
  /** Called at the first order: calls come only once there is a store. */
  readonly openStore: () => Store
  readonly board: Board
  readonly config: ChainConfig
  readonly clock: Clock
  readonly log: Logger
  readonly meter: Meter
  readonly cancelled: Cancelled
  readonly queue: Mailbox<ComputeNews, ComputeOrder>
}

export function startComputer(options: Omit<BodyOptions, 'cacheBytes'>, parts: ComputerParts): void {
  const { board, clock, config, cancelled, log, queue } = parts
  const methods = new Map(Object.entries(createMethods(options.clientVersion)))
  const metrics = declareAnswerMetrics(parts.meter)
  const cache = createResultCache(0, parts.meter) // calls keep nothing
  const gasMax = BigInt(options.callGasMax)
  const timeMaxMs = options.callTimeMaxMs
  let store: Store | undefined

  const run = ({ job, call, head }: ComputeOrder): ComputeNews['outcome'] => {
    store ??= parts.openStore()
    const startMs = clock.nowMs()
    const untilMs = startMs + timeMaxMs
    const view = bindRenewed(store, head.head, clock)
    try {
      const context: AnswerContext = {
        ...{ snapshot: view.snapshot, head, announcedNumber: board.announcedNumber(), config },
        ...{ cache, gasMax, timeMaxMs, spent: undefined },
        expired() {
          view.renewIfOld()
          return clock.nowMs() > untilMs || cancelled.is(job)
        },
      }
      const ran = runCall(call, context, methods, log)
      assert(!(ran instanceof TooHeavy), 'a call that may run to its end is not too heavy')
      const answered = ran instanceof NotHereYet ? retryLater(call, notServedYet(ran.number)) : ran
      // It ran in its answer thread, so its state was there: it has waited until its block fell below the horizon.
      if (answered.item.kind === 'forward') throw new HeadGone(head.head)
      metrics.count(call.method, (clock.nowMs() - startMs) / 1_000, answered.errorCode)
      return { kind: 'answered', item: answered.item }
    } finally {
      view.release()
    }
  }
  queue.onMessage((order) => {
    try {
      queue.post({ job: order.job, outcome: run(order) })
    } catch (thrown) {
      if (!(thrown instanceof HeadGone)) throw thrown
      queue.post({ job: order.job, outcome: { kind: 'notHeld' } })
    }
  })
}
