/** Runs seeds in this process: the core is there, each turn has a macrotask of its own, and a rejection that nobody took is a bug. */
import { readFileSync } from 'node:fs'
import { installCore } from '#core/core.ts'
import type { ScenarioOptions } from '#sim/scenario/options.ts'
import { type Host, runSeed, type SeedRun } from '#sim/scenario/run-seed.ts'
import { Killed } from '#sim/world/life.ts'

export type RunOne = (seed: number, options: ScenarioOptions, verbosity: 'short' | 'full') => Promise<SeedRun>

/** Turns to each round of the event loop, which asks the system for news that nobody waits for. Promises settle between any two of them. */
const TURNS_IN_A_ROW = 64

/** Once a process. */
export function runHere(): RunOne {
  const wasm = readFileSync(new URL('../../evm-core/drover_evm.wasm', import.meta.url))
  installCore(new WebAssembly.Module(wasm))
  /** Since the last turn. A killed process's own are of no interest: it is gone. */
  let unhandled: { readonly reason: unknown } | undefined
  process.on('unhandledRejection', (reason) => {
    if (!(reason instanceof Killed)) unhandled ??= { reason }
  })
  /** A macrotask a turn: whatever the promises of the turn before have to do, they have done it. */
  const host: Host = (turn) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let isOver = false
    const next = (): void => {
      if (isOver) return
      try {
        const seen = unhandled
        unhandled = undefined
        if (seen !== undefined) throw seen.reason
        if (turn()) return void setImmediate(next)
        resolve()
      } catch (thrown) {
        reject(thrown)
      }
      isOver = true
    }
    for (let i = 0; i < TURNS_IN_A_ROW; i++) setImmediate(next)
    return promise
  }
  return (seed, options, verbosity) => {
    // Stacks of expected faults cost a third of a run; a replay has them.
    Error.stackTraceLimit = verbosity === 'full' ? 10 : 0
    return runSeed(seed, options, { host, verbosity })
  }
}
