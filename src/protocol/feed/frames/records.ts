/** The records of the feed (architecture §4) as values. Their bytes are in `wire/record.ts` and `proto/drover/feed/v1/`. */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import type { Level } from '#chain/block/frame.ts'
import type { Hex } from '#kernel/bytes.ts'

export type FeedRecord = Envelope & { readonly body: RecordBody }

/** Who wrote a record. A producer is its id; an epoch is one life of it; an incarnation tells two processes with one id apart. */
export interface Envelope {
  /** Chosen at the cluster's birth. */
  readonly cluster: string
  readonly producer: string
  readonly epoch: number
  /** Random 64 bits of this life. */
  readonly incarnation: bigint
  /** Grows by one from record to record of one epoch. */
  readonly sequence: number
}

export type RecordBody = Generation | FramePart | HeadEvent | Beat | MaintenanceLease | MaintenanceRelease

/** Always the first record of a feed; of several the first counts. */
export interface Generation {
  readonly kind: 'generation'
  readonly chainId: bigint
  readonly genesisHash: BlockHash
  readonly generation: number
  /** What the first frame builds on: genesis, or a snapshot's block. */
  readonly base: BlockRef
  /** RLP of the base's header. Not always what a genesis file computes to: anvil's block 0 names the empty state root and its own gas limit. */
  readonly baseHeader: Uint8Array
  /** The true state root of the base state, computed from the genesis file: a replica with another file is refused by it. */
  readonly baseStateRoot: Hex
  readonly settings: ClusterSettings
}

/** Decisions that every replica must share; nothing of fork choice is ever a local option. */
export interface ClusterSettings {
  /** `--agree N`: masters on N different clients must have derived one deltaHash. */
  readonly agree: number
}

/** Part `index` of `count` of a frame's bytes. Parts of one producer with one digest make a frame. */
export interface FramePart {
  readonly kind: 'framePart'
  readonly block: BlockRef
  readonly parent: BlockHash
  /** keccak-256 of the whole encoded frame. */
  readonly frameDigest: Hex
  readonly deltaHash: Hex
  readonly level: Level
  readonly index: number
  readonly count: number
  readonly bytes: Uint8Array
}

/** A producer's word on its client's head. */
export interface HeadEvent {
  readonly kind: 'headEvent'
  readonly head: BlockRef
  readonly safe?: BlockRef
  readonly finalized?: BlockRef
  /** Blocks that this producer itself derived since its last event. */
  readonly checked: readonly Checked[]
}

export interface Checked {
  readonly block: BlockRef
  readonly deltaHash: Hex
  readonly level: Level
}

export const PHASES = ['syncing', 'serving', 'maintaining', 'draining'] as const
export type Phase = (typeof PHASES)[number]

export interface Beat {
  readonly kind: 'beat'
  readonly phase: Phase
  /** The client's head as this master last saw it. */
  readonly head: BlockRef
  /** The id is the same for all masters beside one client, and that of no other client. */
  readonly client: {
    readonly id: string
    readonly version: string
    /** Where other clients reach it (enode://…), as its master says. */
    readonly enode?: string
  }
}

/** A master asks that its client may stall; `leases.ts` says whether it may. */
export interface MaintenanceLease {
  readonly kind: 'maintenanceLease'
  /** Random 64 bits: a record that was appended twice is one lease. */
  readonly lease: bigint
  /** As in the producer's beats. */
  readonly client: string
  readonly reason: string
  /** Other clients that must serve at the head meanwhile. */
  readonly others: number
  /** Only an alarm: a lease never ends because time passes. */
  readonly alarmAfterMs: number
  /** An operator's: granted whatever else is so. */
  readonly override: boolean
}

/** A lease as people read and write it. */
export function leaseText(lease: bigint): string {
  return lease.toString(16).padStart(16, '0')
}

/** Ends a lease: the holder's own word, or an operator's through any master. */
export interface MaintenanceRelease {
  readonly kind: 'maintenanceRelease'
  readonly lease: bigint
}
