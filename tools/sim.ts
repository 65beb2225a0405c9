/**
 * `npm run sim`: the production roles in simulated worlds, one world a seed (docs/simulation.md).
 *   --seeds N [--from S]   runs N seeds; a failing one prints its end and the command that replays it
 *   --jobs J               runs J of them, or J mutants, side by side, in processes of their own
 *   --scenario all         gives the seeds one scenario after another; a long run says now and then how far it is, and how it is gone on with
 *   --seed S               runs one and prints what happened
 *   --mutants [--only T]   breaks the code on purpose, one way after another, and demands that seeds object; --skip N leaves out the first N
 */
import { parseArgs } from 'node:util'
import { SCENARIOS, type ScenarioName } from '#sim/fault/probabilities.ts'
import { defaultOptions, type ScenarioOptions } from '#sim/scenario/options.ts'
import type { SeedRun } from '#sim/scenario/run-seed.ts'
import { runHere } from './sim/run-here.ts'
import { runMany } from './sim/run-many.ts'
import { runMutants } from './sim/run-mutants.ts'

const { values } = parseArgs({
  options: {
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
  },
})

const isAll = values.scenario === 'all'
const options: ScenarioOptions = {
  scenario: isAll ? 'mixed' : scenarioOf(values.scenario),
  masters: values.masters === undefined ? undefined : Number(values.masters),
  blockMs: values['block-ms'] === undefined ? undefined : Number(values['block-ms']),
  replicas: values.replicas === undefined ? undefined : Number(values.replicas),
  users: Number(values.users),
  faultsMs: Number(values['faults-ms']),
}
const from = Number(values.from)
const jobs = Number(values.jobs)
if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs is a number from 1 on, not ${values.jobs}`)

let isClean: boolean
if (values.mutants)
  isClean = await runMutants(
    { only: values.only, skip: Number(values.skip) },
    { from, seeds: Number(values.seeds ?? 100), jobs },
  )
else if (values.seed !== undefined) isClean = await runOne(Number(values.seed))
else {
  const many = { from, count: Number(values.seeds ?? 100), jobs, isAll }
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
  if (known === undefined) throw new Error(`--scenario is one of all, ${SCENARIOS.join(', ')}, not ${name}`)
  return known
}
