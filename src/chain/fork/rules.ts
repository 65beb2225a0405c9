/** The rules of a chain at a block: which forks are active, from a genesis `config` in geth's format. */

/** Forks that change execution, oldest first. Blob-parameter forks (EIP-7892) are values, not forks. */
export const FORKS = [
  'frontier', 'homestead', 'dao', 'tangerine', 'spuriousDragon', 'byzantium', 'constantinople', 'petersburg', 'istanbul',
  'muirGlacier', 'berlin', 'london', 'arrowGlacier', 'grayGlacier', 'merge', 'shanghai', 'cancun', 'prague', 'osaka', 'amsterdam',
] as const // biome-ignore format: one table
export type Fork = (typeof FORKS)[number]

/** EIP-4844, EIP-7840, EIP-7892. */
export interface BlobParameters {
  readonly target: number
  readonly max: number
  readonly baseFeeUpdateFraction: bigint
}

/** What holds for one block. */
export interface Rules {
  readonly chainId: bigint
  readonly fork: Fork
  /** From Cancun on. */
  readonly blob?: BlobParameters
  /** Of the one block at which the DAO fork moves balances (EIP-779). */
  readonly isDaoFork?: boolean
  /** EIP-6110. */
  readonly depositContract?: Uint8Array
}

/** Forks in the order in which they come. */
export interface Schedule {
  /** Numbers at which rules change; each once, upwards. */
  readonly blocks: readonly number[]
  /** By time: named forks and blob-parameter forks, oldest first. */
  readonly times: readonly TimeFork[]
}

export interface TimeFork {
  /** Seconds. */
  readonly at: number
  /** Where it sets them. */
  readonly blob?: BlobParameters
}

export interface ChainConfig {
  readonly chainId: bigint
  readonly schedule: Schedule
  /** The rules of the block of this number and timestamp (seconds). */
  rulesAt(number: number, timestamp: number): Rules
  /** The same for a block that is only pretended: whether it is of proof of stake is said, not known. Forks after the Merge need it. */
  pretendedRules(block: {
    readonly number: number
    readonly timestamp: number
    readonly merged: boolean
  }): Rules
}

/** True where `rules` are those of `fork` or later. */
export function isActive(rules: Rules, fork: Fork): boolean {
  return FORKS.indexOf(rules.fork) >= FORKS.indexOf(fork)
}
