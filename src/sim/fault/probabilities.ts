/**
 * Faults by name, each with its chance at each look (`plan.ts`). A scenario is a table of them; `mixed` gives every seed some of them, with
 * intensities of its own, because faults that always come together hide each other.
 */
import type { Prng } from '#kernel/prng.ts'

export const FAULTS = [
  'kill', 'stop', 'killAtCommit', 'powerLoss', 'pause', 'breakConnection', 'partition', 'isolate', 'slowNetwork', 'slowDisk', 'fullDisk',
  'failingDisk', 'fullStore', 'clockRate', 'clockJump', 'clientRestart', 'clientSlow', 'clientSilent', 'reorg', 'split',
  'gatewayRestart', 'replicaLags', 'killInSwitch', 'sleep',
] as const // biome-ignore format: one table
export type Fault = (typeof FAULTS)[number]

export type Probabilities = Readonly<Record<Fault, number>>

export const SCENARIOS = [
  'calm',
  'mixed',
  'crashes',
  'network',
  'disk',
  'reorgs',
  'clocks',
  'lagging',
  'switches',
  'tries',
  'deep-reorgs',
  'maintenance',
  'sleepers',
] as const
export type ScenarioName = (typeof SCENARIOS)[number]

/** As often as it may come, per look (reorg and split: per block). */
const OFTEN: Probabilities = {
  kill: 0.06,
  stop: 0.03,
  killAtCommit: 0.04,
  powerLoss: 0.03,
  pause: 0.05,
  breakConnection: 0.12,
  partition: 0.04,
  isolate: 0.02,
  slowNetwork: 0.03,
  slowDisk: 0.03,
  fullDisk: 0.02,
  failingDisk: 0.03,
  fullStore: 0.02,
  clockRate: 0.02,
  clockJump: 0.02,
  clientRestart: 0.03,
  clientSlow: 0.04,
  clientSilent: 0.04,
  reorg: 0.3,
  split: 0.15,
  gatewayRestart: 0.05,
  replicaLags: 0.06,
  killInSwitch: 0.15,
  sleep: 0.06,
}

const NAMED: Readonly<Record<Exclude<ScenarioName, 'mixed'>, readonly Fault[]>> = {
  calm: [],
  crashes: ['kill', 'stop', 'killAtCommit', 'powerLoss', 'clientRestart', 'reorg'],
  network: ['breakConnection', 'partition', 'isolate', 'slowNetwork', 'pause', 'reorg'],
  disk: ['powerLoss', 'slowDisk', 'fullDisk', 'failingDisk', 'fullStore', 'kill'],
  reorgs: ['reorg', 'split', 'clientRestart', 'clientSlow', 'clientSilent'],
  lagging: ['gatewayRestart', 'replicaLags', 'reorg'],
  clocks: ['clockRate', 'clockJump', 'pause', 'reorg'],
  switches: ['reorg', 'split', 'killInSwitch', 'replicaLags'],
  tries: ['reorg', 'split', 'killInSwitch', 'killAtCommit', 'kill', 'replicaLags', 'clientSlow'],
  maintenance: ['kill', 'pause', 'breakConnection', 'partition', 'slowNetwork', 'clientRestart'],
  sleepers: ['sleep', 'clientSlow', 'slowNetwork', 'reorg'],
  'deep-reorgs': ['reorg', 'killInSwitch', 'kill', 'killAtCommit', 'replicaLags', 'clientRestart'],
}

const MIXED_CHANCE = 0.45
/** Longer than a run of `mixed`. */
const NEVER_MIXED: Fault = 'sleep'

export function probabilitiesOf(name: ScenarioName, random: Prng): Probabilities {
  const of = (fault: Fault): number => {
    // Drawn for every fault and scenario, so that a new scenario shifts nothing.
    const isOn = random.chance(MIXED_CHANCE)
    const intensity = random.unit()
    if (name === 'mixed') return isOn && fault !== NEVER_MIXED ? OFTEN[fault] * intensity : 0
    return NAMED[name].includes(fault) ? OFTEN[fault] : 0
  }
  return Object.fromEntries(FAULTS.map((fault) => [fault, of(fault)])) as Record<Fault, number>
}
