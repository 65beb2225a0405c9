/** What a store belongs to, and the heads that it stands at. */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'

/** What a store belongs to; stores of different clusters, chains, generations or schemas never mix. */
export interface StoreIdentity {
  readonly cluster: string
  readonly chainId: bigint
  readonly genesisHash: BlockHash
  readonly generation: number
  /** Identity of the log (see RecordLog.identity). */
  readonly feed: string
}

export interface Heads {
  readonly head: BlockRef
  readonly safe: BlockRef
  readonly finalized: BlockRef
  /** The highest N with every block since the base proven at the cluster's level or above. */
  readonly verified: BlockRef
}
