/** What a reader of the feed has to do after a record: data, in the order in which it must be done. */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import type { Level } from '#chain/block/frame.ts'
import type { Hex } from '#kernel/bytes.ts'
import type { Generation } from './frames/records.ts'

/** A whole frame, by name. */
export interface WholeFrame {
  readonly block: BlockRef
  readonly parent: BlockHash
  readonly producer: string
  readonly frameDigest: Hex
  readonly deltaHash: Hex
  readonly level: Level
}

export type FeedEffect =
  /** The feed's first generation record: what this feed is. */
  | { readonly kind: 'adopted'; readonly cluster: string; readonly generation: Generation }
  /** This record's part belongs to the unfinished frame of its producer: keep its bytes. */
  | { readonly kind: 'partKept'; readonly producer: string; readonly index: number }
  /** Forget the kept parts of a producer. */
  | { readonly kind: 'partsDropped'; readonly producer: string }
  /** The kept parts of the producer are this frame, the first whole one of its block: keep it beside the chain. Its parts are done with. */
  | { readonly kind: 'frameWhole'; readonly frame: WholeFrame }
  /** The cluster's head: undo newest first, then apply oldest first; all applied frames are whole. */
  | {
      readonly kind: 'headMoved'
      readonly from: BlockRef
      readonly to: BlockRef
      readonly by: string
      readonly undo: readonly BlockRef[]
      readonly apply: readonly BlockRef[]
    }
  /** Safe or finalized changed. */
  | { readonly kind: 'marksMoved'; readonly safe: BlockRef; readonly finalized: BlockRef }
  /** Frames beside the chain that can never become canonical any more. */
  | { readonly kind: 'sideDropped'; readonly blocks: readonly BlockRef[] }
  /** Somebody should look: nothing moved because of it. */
  | { readonly kind: 'alarm'; readonly alarm: Alarm }

export type Alarm =
  /** Two processes live under one id: records of the second are dropped. */
  | { readonly code: 'duplicateId'; readonly producer: string; readonly epoch: number }
  /** A head that contradicts finality. */
  | {
      readonly code: 'conflictsWithFinalized'
      readonly producer: string
      readonly head: BlockRef
      readonly finalized: BlockRef
    }
  /** Two masters derived different deltas of one block: one of them, or its client, is wrong. */
  | {
      readonly code: 'dispute'
      readonly producer: string
      readonly block: BlockRef
      readonly level: Level
      /** Whose frame counts. */
      readonly against: string
      readonly levelAgainst: Level
    }
  /** Too many producers: the one that was silent for longest is forgotten. */
  | { readonly code: 'producerForgotten'; readonly producer: string }
  /** A head whose ancestors are older than what is kept. */
  | { readonly code: 'ancestorNotKept'; readonly producer: string; readonly head: BlockRef }
