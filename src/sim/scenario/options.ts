/** How big a run is and what goes wrong in it. What is not given is drawn from the seed, so that one number replays a run exactly. */
import type { Prng } from '#kernel/prng.ts'
import type { ScenarioName } from '#sim/fault/probabilities.ts'

export interface ScenarioOptions {
  readonly scenario: ScenarioName
  readonly masters: number | undefined
  readonly replicas: number | undefined
  /** Milliseconds from block to block. */
  readonly blockMs?: number | undefined
  readonly users: number
  /** Length of the first phase, in the world's time. */
  readonly faultsMs: number
}

export const defaultOptions: ScenarioOptions = {
  scenario: 'mixed',
  masters: undefined,
  replicas: undefined,
  users: 2,
  faultsMs: 2_200,
}

export interface Sizes {
  readonly masters: number
  readonly replicas: number
  readonly blockMs: number
  readonly beatMs: number
  /** Answer threads of each replica. */
  readonly streams: number
  /** Bytes of a frame in one record: in some runs so few that frames come in parts. */
  readonly partBytesMax: number
}

/** State tries of a cluster: whose stores keep one. */
export interface Tries {
  readonly masters: readonly boolean[]
  readonly replicas: readonly boolean[]
}

/** Some runs of these have tries too. */
const TRIES_CHANCE: Partial<Record<ScenarioName, number>> = { tries: 1, mixed: 0.2, 'deep-reorgs': 0.25 }

/** In half of the runs with tries every replica has one, so that proofs are asked for; else some have. Undefined: nobody keeps one. */
export function drawTries(
  { scenario }: ScenarioOptions,
  { masters, replicas }: Sizes,
  random: Prng,
): Tries | undefined {
  if (!random.chance(TRIES_CHANCE[scenario] ?? 0)) return undefined
  const all = random.chance(0.5)
  const drawn = (count: number): boolean[] => Array.from({ length: count }, () => random.chance(0.5))
  return { masters: drawn(masters), replicas: drawn(replicas).map((kept, i) => all || i === 0 || kept) }
}

/** First phases that are longer: several maintenances after one another, or sleeps. */
const FAULTS_MS_MIN: Partial<Record<ScenarioName, number>> = { maintenance: 12_000, sleepers: 5_000 }

export function faultsMsOf({ scenario, faultsMs }: ScenarioOptions): number {
  return Math.max(faultsMs, FAULTS_MS_MIN[scenario] ?? 0)
}

/** Maintenance takes as long whatever the block time is. */
const MAINTAINED_BLOCK_MS = [250, 2_000, 12_000]

/** A cluster starts with 1 to 3 masters and as many replicas. */
export function drawSizes(options: ScenarioOptions, random: Prng): Sizes {
  const { scenario, masters, replicas, blockMs } = options
  const drawn = { masters: random.between(1, 3), replicas: random.between(1, 3) }
  const isMaintained = scenario === 'maintenance'
  const sizes = {
    masters:
      masters ?? (isMaintained || scenario === 'sleepers' ? Math.max(2, drawn.masters) : drawn.masters),
    replicas: replicas ?? drawn.replicas,
    blockMs: random.pick([170, 280, 450]),
    beatMs: random.pick([230, 560]),
    streams: random.between(1, 2),
    partBytesMax: random.pick([600, 1_100, 900_000]),
  }
  const paced = isMaintained ? { ...sizes, blockMs: random.pick(MAINTAINED_BLOCK_MS) } : sizes
  return blockMs === undefined ? paced : { ...paced, blockMs }
}
