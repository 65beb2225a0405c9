/** What everything in one run shares: time, randomness, the trace, and the one place where a broken promise ends the run. */
import { createPrng, type Prng } from '#kernel/prng.ts'
import { Scheduler } from './scheduler.ts'
import { createTrace, type Trace } from './trace.ts'
import { type Promised, Violation } from './violation.ts'

export interface World {
  readonly random: Prng
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly isVerbose: boolean
  /** The first violation ends the run after its turn. */
  violate(promised: Promised, message: string): void
  violation(): Violation | undefined
}

export function createWorld(seed: number, verbosity: 'short' | 'full'): World {
  const scheduler = new Scheduler()
  const trace = createTrace(() => scheduler.nowMs())
  let violation: Violation | undefined
  return {
    random: createPrng(seed),
    scheduler,
    trace,
    isVerbose: verbosity === 'full',
    violate(promised, message) {
      if (violation !== undefined) return
      violation = new Violation(promised, message)
      trace.line('VIOLATION', violation.message)
    },
    violation: () => violation,
  }
}
