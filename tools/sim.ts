/**
 * `npm run sim`: the production roles in simulated worlds, one world a seed (docs/simulation.md).
 *   --seeds N [--from S]   runs N seeds; a failing one prints its end and the command that replays it
 *   --scenario all         gives the seeds one scenario after another; a long run says now and then how far it is, and how it is gone on with
 *   --seed S               runs one and prints what happened
 *   --mutants [--only T]   breaks the code on purpose, one way after another, and demands that seeds object
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { installCore } from '#core/core.ts'
import { SCENARIOS, type ScenarioName } from '#sim/fault/probabilities.ts'
import { defaultOptions, type ScenarioOptions } from '#sim/scenario/options.ts'
import { Killed } from '#sim/world/life.ts'
import { runMutants } from './sim/run-mutants.ts'
import { type Host, runSeed, type SeedRun } from '#sim/scenario/run-seed.ts'

const LINES_SHOWN = 40
const PROGRESS_MS = 60_000
/** What `all` is: those whose seeds take about as long as each other. */
const ALL = SCENARIOS.filter((name) => name !== 'deep-reorgs' && name !== 'maintenance')

// Stacks of expected faults cost a third of a run; a replay has them.
if (!process.argv.includes('--seed')) Error.stackTraceLimit = 0

installCore(new WebAssembly.Module(readFileSync(new URL('../evm-core/drover_evm.wasm', import.meta.url))))

/** A rejection that nobody took, since the last turn. A killed process's own are of no interest: it is gone. */
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

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    'until-failure': { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
    scenario: { type: 'string', default: defaultOptions.scenario },
    masters: { type: 'string' },
    replicas: { type: 'string' },
    users: { type: 'string', default: String(defaultOptions.users) },
    'faults-ms': { type: 'string', default: String(defaultOptions.faultsMs) },
  },
})

const isAll = values.scenario === 'all'
const options: ScenarioOptions = {
  scenario: isAll ? 'mixed' : scenarioOf(values.scenario),
  masters: values.masters === undefined ? undefined : Number(values.masters),
  replicas: values.replicas === undefined ? undefined : Number(values.replicas),
  users: Number(values.users),
  faultsMs: Number(values['faults-ms']),
}

if (values.mutants) {
  const survived = runMutants(values.only, { from: Number(values.from), seeds: Number(values.seeds ?? 60) })
  if (survived > 0) process.exitCode = 1
} else if (values.seed !== undefined) await runOne(Number(values.seed))
else await runMany(Number(values.from), Number(values.seeds ?? 100))

async function runOne(seed: number): Promise<void> {
  const run = await runSeed(seed, options, { host, verbosity: 'full' })
  console.log(run.trace.join('\n'))
  console.log(summary(run))
  if (run.violation !== undefined) process.exitCode = 1
}

async function runMany(from: number, count: number): Promise<void> {
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  const failed: string[] = []
  let answers = 0
  let maintenances = 0
  let done = 0
  let toldMs = startedMs
  let isStopped = false
  process.once('SIGINT', () => (isStopped = true)).once('SIGTERM', () => (isStopped = true))
  const goOn = (): string =>
    `npm run sim -- --seeds ${count - done} --from ${from + done}${isAll ? ' --scenario all' : ''}${flags(options)}`
  while (done < count && !isStopped) {
    const seed = from + done
    const own = isAll ? { ...options, scenario: ALL[seed % ALL.length] as ScenarioName } : options
    const run = await runSeed(seed, own, { host, verbosity: 'short' })
    answers += run.answers
    maintenances += run.maintenances
    done++
    if (performance.now() - toldMs >= PROGRESS_MS) {
      toldMs = performance.now()
      const rate = (done * 1_000) / (toldMs - startedMs)
      const left = (count - done) / rate / 60
      console.log(
        `${done} of ${count} seeds, ${failed.length} failed, ${rate.toFixed(1)} a second, ${left.toFixed(0)} min left; from here on: ${goOn()}`,
      )
    }
    if (run.violation === undefined) continue
    failed.push(`${own.scenario} ${seed}`)
    console.log(run.trace.slice(-LINES_SHOWN).join('\n'))
    console.log(`seed ${seed} failed. Replay it: npm run sim -- --seed ${seed}${flags(own)}\n`)
    if (values['until-failure']) break
  }
  const { user, system } = process.cpuUsage(cpu)
  console.log(
    `${done} seeds from ${from}, ${failed.length} failed, ${answers} answers checked, ${maintenances > 0 ? `${maintenances} maintenances, ` : ''}${((performance.now() - startedMs) / 1_000).toFixed(1)} s, ${((user + system) / 1_000 / Math.max(1, done)).toFixed(1)} ms of CPU a seed`,
  )
  if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
  if (isStopped && done < count) console.log(`stopped early; the rest: ${goOn()}`)
  if (failed.length > 0 || isStopped) process.exitCode = 1
}

/** Those that differ from the defaults: what a replay needs. */
function flags(options: ScenarioOptions): string {
  return Object.entries({ ...options, 'faults-ms': options.faultsMs })
    .filter(([name, value]) => {
      const byDefault =
        name === 'faults-ms' ? defaultOptions.faultsMs : defaultOptions[name as keyof ScenarioOptions]
      return name !== 'faultsMs' && value !== byDefault
    })
    .map(([name, value]) => ` --${name} ${value}`)
    .join('')
}

function summary({ seed, turns, virtualMs, blocks, answers, violation }: SeedRun): string {
  return `seed ${seed}: ${violation === undefined ? 'all promises hold' : 'FAILED'}, ${blocks} blocks, ${answers} answers, ${turns} turns, ${(virtualMs / 1_000).toFixed(1)} s`
}

function scenarioOf(name: string): ScenarioName {
  const known = SCENARIOS.find((each) => each === name)
  if (known === undefined) throw new Error(`--scenario is one of all, ${SCENARIOS.join(', ')}, not ${name}`)
  return known
}
