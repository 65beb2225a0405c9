/** What a checker is told during a run, and what it may look at. Each promise has one, in a file of its own. */
import type { BuiltBlock } from '#sim/client/block-builder.ts'
import type { Consensus } from '#sim/client/consensus.ts'
import type { Cluster } from '#sim/cluster/cluster.ts'
import type { Network } from '#sim/net/network.ts'
import type { Exchange } from '#sim/user/exchange.ts'
import type { World } from '#sim/world/world.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Decisions } from './decisions.ts'

export interface Checker {
  /** A user received an answer, bound to this block. */
  answered?(answer: BoundAnswer): void
  /** A replica committed a transaction. */
  committed?(replica: string, snapshot: Snapshot): void
  /** Now and then. */
  sampled?(): void
  /** What must have ended, where all is healed, before anything is compared; undefined for nothing. */
  left?(): string | undefined
  /** All is healed, at rest, and should be equal. `decisions` is what the feed decided, record by record. */
  ended?(decisions: Decisions): void
}

export interface CheckerParts {
  readonly world: World
  readonly network: Network
  readonly consensus: Consensus
  readonly cluster: Cluster
}

export interface BoundAnswer {
  readonly exchange: Exchange
  readonly items: Extract<Exchange['outcome'], { kind: 'answered' }>['items']
  /** The block that the response's headers name. */
  readonly block: BuiltBlock
}
