/** How big a run is and what goes wrong in it. What is not given is drawn from the seed, so that one number replays a run exactly. */
import type { Prng } from '#kernel/prng.ts'
import type { ScenarioName } from '#sim/fault/probabilities.ts'

export interface ScenarioOptions {
  readonly scenario: ScenarioName
  readonly masters: number | undefined
  readonly replicas: number | undefined
  readonly users: number
  /** Length of the first phase, in the world's time. */
  readonly faultsMs: number
}

export const defaultOptions: ScenarioOptions = {
  scenario: 'mixed',
  masters: undefined,
  replicas: undefined,
  users: 2,
  faultsMs: 5_000,
}

export interface Sizes {
  readonly masters: number
  readonly replicas: number
  readonly blockMs: number
  readonly beatMs: number
}

/** A cluster starts with 1 to 3 masters and 2 or 3 replicas. */
export function drawSizes({ masters, replicas }: ScenarioOptions, random: Prng): Sizes {
  const drawn = { masters: random.between(1, 3), replicas: random.between(2, 3) }
  return {
    masters: masters ?? drawn.masters,
    replicas: replicas ?? drawn.replicas,
    blockMs: random.pick([300, 500, 800]),
    beatMs: random.pick([400, 1_000]),
  }
}
