/**
 * The versioned store over KeyValue: latest state, history of changes within the horizon, the canonical chain, side frames, and the
 * state of the feed machine. One writer applies whole blocks in one transaction each; readers bind snapshots.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Frame } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import type { BlockRows } from './rows/block-rows.ts'
import type { Heads, StoreIdentity } from './identity.ts'
import type { Snapshot } from './snapshot.ts'

export interface Store {
  /** Undefined until `initialise`. */
  identity(): StoreIdentity | undefined
  /** Writes the genesis state and identity in one transaction.
   *  @throws Fault store/foreign where the store belongs to another cluster, chain, generation, feed or schema */
  initialise(identity: StoreIdentity, genesis: Genesis): void
  /** It proves the state root of each block that is applied, and has proofs. */
  keepsTrie(): boolean
  /** The last committed snapshot. Release within a second. */
  snapshot(): Snapshot
  /** Everything that `change` does is one transaction; a throw undoes it. Returns the new commit sequence. */
  commit(change: (writer: StoreWriter) => void): number
  /** About what history takes of the disk. */
  historyBytes(): number
  /** Takes blocks above the head that will never be undone, in any number and with no history.
   *  @param bytesMax of changes until it is full, about */
  bulk(bytesMax?: number): BulkApply
}

export interface BulkApply {
  /** The last block that was given; at first the head. */
  last(): BlockRef
  /** The block after it, whose rows are its own from then on. A throw leaves a store that the same blocks make whole, from the start. */
  add(rows: BlockRows): void
  /** It holds about as much as it should: time to finish. */
  isFull(): boolean
  /** False where the state after the last block has not the root that its header says: then nothing of it is written, and nothing more is
   *  to be done with this. Roots are known only where a trie is kept, and by `finish` alone in a store that was left half way. */
  provesRoot(): boolean
  /** Writes what is not written; head and historyFrom := the last block. `change` is of the same, last transaction; returns its sequence.
   *  @throws Fault store/state-root where the trie had to be built anew and shows another root: the store stays half way */
  finish(change: (writer: StoreWriter) => void): number
}

export interface StoreWriter {
  /** The head within this transaction. */
  head(): BlockRef
  /** Applies a frame whose parent is the head: state, history, trie, chain, logs; head := the block.
   *  @throws Fault store/state-root where the store keeps a trie and the header has another root */
  apply(frame: Frame): void
  /** Undoes the head block from history and returns it as the frame it was; head := its parent.
   *  @throws Fault replica/too-deep below the horizon */
  undo(): Frame
  /** Safe, finalized and verified; head follows from apply and undo. */
  setMarks(marks: Omit<Heads, 'head'>): void
  /** The feed machine's state and the position it has consumed, of any size (split into rows). */
  setMachine(position: number, state: Uint8Array): void
  /** Until it is unset, the head is on its way to this block, in several transactions, and nothing may be served. */
  setCatchingUpTo(number: number | undefined): void
  /** Encoded frames off the canonical chain, and parts of unfinished ones, by a key of the caller's (≤ 64 bytes). */
  putSide(key: Uint8Array, bytes: Uint8Array): void
  removeSide(key: Uint8Array): void
  side(key: Uint8Array): Uint8Array | undefined
  /** The last block whose logs are in the index. */
  indexed(): number
  /** Takes the logs of further blocks, oldest first, into the index until about `rowsMax` rows are written; true when the head is in it. */
  index(rowsMax: number): boolean
  /** Drops history, changes and nothing else of blocks below `number`: `historyFrom` := number. At most `rowsMax` rows a call; true when done. */
  pruneHistory(number: number, rowsMax: number): boolean
  /** Whether history can be widened further. */
  isToWiden(): boolean
  /** Moves about `rowsMax` rows of old history to where a reader finds them in fewer steps; true when there are none to move. */
  widenHistory(rowsMax: number): boolean
}
