/** Runs seeds in this process: the core is there, each turn has a macrotask of its own, and a rejection that nobody took is a bug. */
import { readFileSync } from 'node:fs'
import { installCore } from '#core/core.ts'
import type { ScenarioOptions } from '#sim/scenario/options.ts'
import { type Host, runSeed, type SeedRun } from '#sim/scenario/run-seed.ts'
import { Killed } from '#sim/world/life.ts'

export type RunOne = (seed: number, options: ScenarioOptions, verbosity: 'short' | 'full') => Promise<SeedRun>

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
    const next = (): void => {
      try {
        const seen = unhandled
        unhandled = undefined
        if (seen !== undefined) throw seen.reason
        if (turn()) setImmediate(next)
        else resolve()
      } catch (thrown) {
        reject(thrown)
      }
    }
    setImmediate(next)
    return promise
  }
  return (seed, options, verbosity) => {
    // Stacks of expected faults cost a third of a run; a replay has them.
    Error.stackTraceLimit = verbosity === 'full' ? 10 : 0
    return runSeed(seed, options, { host, verbosity })
  }
}
