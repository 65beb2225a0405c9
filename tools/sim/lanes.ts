/**
 * Seeds side by side: each lane runs one after another, in this process where there is one lane, else in a process of its own. What a seed
 * does is the same in each: a lane shares nothing with its runs but built blocks, which are content.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ScenarioOptions } from '#sim/scenario/options.ts'
import type { SeedRun } from '#sim/scenario/run-seed.ts'
import { runHere } from './run-here.ts'

export interface SeedOrder {
  readonly seed: number
  readonly options: ScenarioOptions
}

/** What is told of a run that is one of many. */
export interface SeedReport extends Pick<SeedRun, 'seed' | 'answers' | 'maintenances'> {
  /** The end of its trace, where it broke a promise. */
  readonly failure: readonly string[] | undefined
  /** CPU of its process since the report before, in microseconds. */
  readonly cpuMicros: number
}

export interface Lane {
  /** One at a time. */
  run(order: SeedOrder): Promise<SeedReport>
  close(): void
}

const LINES_SHOWN = 40
const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))

export function openLanes(count: number): Lane[] {
  return count === 1 ? [laneHere()] : Array.from({ length: count }, forkedLane)
}

/** In this process. */
export function laneHere(): Lane {
  const runOne = runHere()
  let before = process.cpuUsage()
  return {
    async run({ seed, options }) {
      const { answers, maintenances, violation, trace } = await runOne(seed, options, 'short')
      const now = process.cpuUsage()
      const cpuMicros = now.user + now.system - before.user - before.system
      before = now
      const failure = violation === undefined ? undefined : trace.slice(-LINES_SHOWN)
      return { seed, answers, maintenances, failure, cpuMicros }
    },
    close() {},
  }
}

function forkedLane(): Lane {
  const child: ChildProcess = fork(WORKER, { serialization: 'advanced' })
  return {
    run(order) {
      const { promise, resolve, reject } = Promise.withResolvers<SeedReport>()
      const onMessage = (report: unknown): void => {
        child.off('exit', onExit)
        resolve(report as SeedReport)
      }
      const onExit = (code: number | null): void =>
        reject(new Error(`the process of seed ${order.seed} of ${order.options.scenario} ended with ${code}`))
      child.once('message', onMessage).once('exit', onExit)
      child.send(order)
      return promise
    },
    close: () => child.disconnect(),
  }
}
