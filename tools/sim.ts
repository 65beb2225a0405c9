/**
 * `npm run sim`: the production roles in simulated worlds, one world a seed (docs/simulation.md).
 *   --seeds N [--from S]   runs N seeds; a failing one prints its end and the command that replays it
 *   --jobs J               runs J of them, or J mutants, side by side, in processes of their own
 *   --scenario all         gives the seeds one scenario after another; a long run says now and then how far it is, and how it is gone on with
 *   --seed S               runs one and prints what happened
 *   --mutants [--only T]   breaks the code on purpose, one way after another, and demands that seeds object; --skip N leaves out the first N
 */
import { SCENARIOS, type ScenarioName } from '#sim/fault/probabilities.ts'
import { defaultOptions, type ScenarioOptions } from '#sim/scenario/options.ts'
import type { SeedRun } from '#sim/scenario/run-seed.ts'
import { readFlags, refuse, wholeFlag } from './flags.ts'
import { runHere } from './sim/run-here.ts'
import { runMany } from './sim/run-many.ts'
import { runMutants } from './sim/run-mutants.ts'

const values = readFlags('sim', {
  seeds: { type: 'string' },
  from: { type: 'string', default: '1' },
  seed: { type: 'string' },
  jobs: { type: 'string', default: '1' },
  'until-failure': { type: 'boolean', default: false },
  mutants: { type: 'boolean', default: false },
  only: { type: 'string' },
  skip: { type: 'string', default: '0' },
  scenario: { type: 'string', default: defaultOptions.scenario },
  masters: { type: 'string' },
  'block-ms': { type: 'string' },
  replicas: { type: 'string' },
  users: { type: 'string', default: String(defaultOptions.users) },
  'faults-ms': { type: 'string', default: String(defaultOptions.faultsMs) },
})

const isAll = values.scenario === 'all'
const options: ScenarioOptions = {
  scenario: isAll ? 'mixed' : scenarioOf(values.scenario),
  masters: values.masters === undefined ? undefined : wholeFlag(values, 'masters', 1),
  blockMs: values['block-ms'] === undefined ? undefined : wholeFlag(values, 'block-ms', 1),
  replicas: values.replicas === undefined ? undefined : wholeFlag(values, 'replicas', 1),
  users: wholeFlag(values, 'users', defaultOptions.users, 0),
  faultsMs: wholeFlag(values, 'faults-ms', defaultOptions.faultsMs, 0),
}
const from = wholeFlag(values, 'from', 1, 0)
const jobs = wholeFlag(values, 'jobs', 1)
const seeds = wholeFlag(values, 'seeds', 100)

let isClean: boolean
if (values.mutants)
  isClean = await runMutants(
    { only: values.only, skip: wholeFlag(values, 'skip', 0, 0) },
    { from, seeds, jobs },
  )
else if (values.seed !== undefined) isClean = await runOne(wholeFlag(values, 'seed', 0, 0))
else {
  const many = { from, count: seeds, jobs, isAll }
  isClean = await runMany({ ...many, untilFailure: values['until-failure'] }, options)
}
if (!isClean) process.exitCode = 1

async function runOne(seed: number): Promise<boolean> {
  const run = await runHere()(seed, options, 'full')
  console.log(run.trace.join('\n'))
  console.log(summary(run))
  return run.violation === undefined
}

function summary({ seed, turns, virtualMs, blocks, answers, violation }: SeedRun): string {
  return `seed ${seed}: ${violation === undefined ? 'all promises hold' : 'FAILED'}, ${blocks} blocks, ${answers} answers, ${turns} turns, ${(virtualMs / 1_000).toFixed(1)} s`
}

function scenarioOf(name: string): ScenarioName {
  const known = SCENARIOS.find((each) => each === name)
  return known ?? refuse('sim', `--scenario is one of all, ${SCENARIOS.join(', ')}, not ${name}`)
}
