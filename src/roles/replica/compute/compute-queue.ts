/**
 * Stands between answer threads, which set heavy calls aside, and compute threads, which run one at a time each. First come, first served,
 * up to a limit, and none waits longer than a call may run. A call whose thread ends under it is run once more; one that nobody waits for
 * is taken out, or told to stop; a thread that does not come back in time is ended from outside.
 */
import type { Clock, Timer } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import type { Meter } from '#ports/meter/meter.ts'
import type { HeadContext } from '#rpc/answer.ts'
import type { Call } from '#rpc/envelope.ts'
import type {
  AsideOutcome,
  Cancelled,
  ComputeAsk,
  ComputeNews,
  ComputeOrder,
  ComputeReply,
} from './compute-messages.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const WAITING_MAX = replicaLimits.heavyCallsMax.value
const RUNS_MAX = replicaLimits.heavyRunsMax.value
const OVERRUN_MAX_MS = replicaLimits.heavyOverrunMaxMs.value
const JOBS = 2 ** 31

export interface ComputeQueue {
  /** Returns what takes the answer thread out again, with all that it waits for. */
  addAnswerer(answerer: Mailbox<ComputeReply, ComputeAsk>): () => void
  /** Returns what takes the compute thread out again: it has ended. */
  addComputer(computer: Computing): () => void
}

export interface Computing {
  readonly box: Mailbox<ComputeOrder, ComputeNews>
  readonly cancelled: Cancelled
  /** Ends it from outside. */
  kill(): void
}

interface Job {
  readonly number: number
  readonly call: Call
  readonly head: HeadContext
  readonly settle: (outcome: AsideOutcome) => void
  readonly isOf: (answerer: object, id?: number) => boolean
  runs: number
  timer: Timer | undefined
}

export function createComputeQueue(
  options: { readonly callTimeMaxMs: number },
  { clock, log, meter }: { readonly clock: Clock; readonly log: Logger; readonly meter: Meter },
): ComputeQueue {
  const metrics = declareMetrics(meter)
  const waiting: Job[] = []
  const running = new Map<Computing, Job>()
  const idle = new Set<Computing>()
  let lastJob = 0

  const end = (job: Job, outcome: AsideOutcome): void => {
    job.timer?.cancel()
    metrics.calls.add(1, { outcome: outcome.kind })
    job.settle(outcome)
  }
  const enqueue = (job: Job): void => {
    waiting.push(job)
    job.timer = clock.after(options.callTimeMaxMs, () => {
      waiting.splice(waiting.indexOf(job), 1)
      end(job, { kind: 'full' })
    })
    dispatch()
  }
  const dispatch = (): void => {
    for (const computer of idle) {
      const job = waiting.shift()
      if (job === undefined) break
      idle.delete(computer)
      running.set(computer, job)
      job.runs++
      job.timer?.cancel()
      job.timer = clock.after(options.callTimeMaxMs + OVERRUN_MAX_MS, () => {
        log.warn('a heavy call does not end: its thread is ended', { method: job.call.method })
        computer.kill()
      })
      computer.box.post({ job: job.number, call: job.call, head: job.head })
    }
    metrics.waiting.set(waiting.length)
  }
  const cancel = (which: (job: Job) => boolean): void => {
    for (const job of waiting.filter(which)) {
      waiting.splice(waiting.indexOf(job), 1)
      job.timer?.cancel()
      metrics.calls.add(1, { outcome: 'cancelled' })
    }
    // What runs comes back by itself once it has seen this.
    for (const [computer, job] of running) if (which(job)) computer.cancelled.set(job.number)
    metrics.waiting.set(waiting.length)
  }

  return {
    addAnswerer(answerer) {
      answerer.onMessage((ask) => {
        const { id } = ask
        if (ask.kind === 'cancel') return cancel((job) => job.isOf(answerer, id))
        const settle = (outcome: AsideOutcome): void => answerer.post({ id, outcome })
        if (waiting.length >= WAITING_MAX) {
          metrics.calls.add(1, { outcome: 'full' })
          return settle({ kind: 'full' })
        }
        lastJob = (lastJob + 1) % JOBS
        enqueue({
          ...{ number: lastJob, call: ask.call, head: ask.head, settle, runs: 0, timer: undefined },
          isOf: (whom, which = id) => whom === answerer && which === id,
        })
      })
      return () => cancel((job) => job.isOf(answerer))
    },
    addComputer(computer) {
      computer.box.onMessage(({ job: number, outcome }) => {
        const job = running.get(computer)
        if (job?.number !== number) return
        running.delete(computer)
        idle.add(computer)
        end(job, outcome)
        dispatch()
      })
      idle.add(computer)
      dispatch()
      return () => {
        const job = running.get(computer)
        running.delete(computer)
        idle.delete(computer)
        if (job === undefined) return
        job.timer?.cancel()
        if (job.runs < RUNS_MAX && !computer.cancelled.is(job.number)) enqueue(job)
        else end(job, { kind: 'failed' })
      }
    },
  }
}

function declareMetrics(meter: Meter) {
  return {
    calls: meter.counter(
      'drover_replica_heavy_calls_total',
      'calls set aside for compute threads, by outcome',
    ),
    waiting: meter.gauge('drover_replica_heavy_calls_waiting', 'calls that wait for a compute thread'),
  }
}
