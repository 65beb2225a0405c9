/** A stable snapshot of the store: any block's state within the horizon, and the canonical chain, read together. */
import type { Address, BlockHash, Hash32 } from '#chain/block/block-ref.ts'
import type { Withdrawal } from '#chain/block/frame.ts'
import type { Header } from '#chain/header/header.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import type { StateView } from '#chain/state-view.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import type { TrieReader } from '#chain/trie/rows.ts'
import type { Compress } from '#ports/compress.ts'
import type { Heads } from './identity.ts'
import type { LogSearch } from './logs/log-search.ts'
import type { StateProofs } from './trie/proofs.ts'

export interface Snapshot {
  /** Of the commit that this snapshot shows; grows by one from commit to commit, stored in the same transaction. */
  readonly sequence: number
  readonly heads: Heads
  /** Feed position consumed (the next to read), and the machine's state at it. */
  readonly position: number
  machine(): Uint8Array | undefined
  /** The oldest block whose state can be read. */
  readonly historyFrom: number
  /** Whether rows of old history can be moved together. */
  isToWiden(): boolean
  /** The oldest block whose header, body and receipts are here (the base). */
  readonly chainFrom: number
  /** Where the state or the head is on its way to this block, in several transactions: nothing may be served. */
  readonly catchingUpTo: number | undefined
  /** State after block `number`, which is within historyFrom..head. Valid until release. */
  stateAt(number: number): StateView
  /** Merkle proofs of the same; undefined where the store keeps no state trie. */
  proofsAt(number: number): StateProofs | undefined
  /** The rows of the trie of the state after block `number`, the head where it is not said. */
  trieRows(number?: number): TrieReader | undefined
  /** Of the canonical chain; undefined above the head or below chainFrom. */
  hashAt(number: number): BlockHash | undefined
  header(number: number): Header | undefined
  /** The number of a canonical block. */
  numberOf(hash: BlockHash): number | undefined
  block(number: number): StoredBlock | undefined
  /** The same with its transactions as bytes: what most answers need, for a small part of the work. `header` where it is known. */
  rawBlock(number: number, header?: Header): RawBlock | undefined
  /** What all logs of a block have in common. */
  logPlace(number: number): LogPlace | undefined
  /** In order; cheaper than the block where nothing else of its transactions is wanted. */
  transactionHashes(number: number): readonly Hash32[] | undefined
  receipts(number: number): readonly StoredReceipt[] | undefined
  /** The receipts of a block as they are stored, to read single ones from. */
  receiptList(number: number): Uint8Array | undefined
  receipt(number: number, index: number, list: Uint8Array): StoredReceipt | undefined
  /** Where a transaction stands on the canonical chain. */
  transaction(hash: Hash32): { readonly number: number; readonly index: number } | undefined
  /** Logs of block `number` in order, one by one; stops when `visit` returns false. `visit` reads no other logs meanwhile. */
  logs(number: number, visit: (log: StoredLog) => boolean): void
  /** The last block whose logs are in the index. */
  readonly indexed: number
  /** Logs of blocks `from` to `to` (of one epoch, within chainFrom..indexed) that the search may mean, in order, until `visit` returns
   *  false; whether they match is for the caller to see. `visit` reads no other logs meanwhile. */
  indexedLogs(
    search: LogSearch,
    range: { readonly from: number; readonly to: number },
    visit: (number: number, log: StoredLog) => boolean,
  ): void
  /** What side frames are packed with. */
  readonly compress: Compress
  /** Encoded side frame, see StoreWriter.putSide. */
  side(key: Uint8Array): Uint8Array | undefined
  release(): void
}

export interface StoredBlock {
  readonly header: Header
  readonly transactions: readonly Transaction[]
  readonly senders: readonly Address[]
  readonly ommers: readonly Header[]
  readonly withdrawals?: readonly Withdrawal[]
  /** Bytes of the block's RLP, as eth_getBlock's `size` tells. */
  readonly size: number
}

export interface RawBlock extends Omit<StoredBlock, 'transactions'> {
  /** Canonical bytes. */
  readonly transactions: readonly Uint8Array[]
  readonly hashes: readonly Hash32[]
}

export interface StoredReceipt extends Receipt {
  readonly gasUsed: bigint
  /** Address that the transaction created. */
  readonly contractAddress?: Address
  /** Block-wide index of its first log. */
  readonly firstLogIndex: number
}

/** A log as bytes in a row, and where its parts stand in them. Valid until the visit ends. */
export interface StoredLog {
  /** Block-wide. */
  readonly logIndex: number
  readonly transactionIndex: number
  readonly bytes: Uint8Array
  readonly addressAt: number
  /** Of 32 bytes each, one after the other. */
  readonly topicsAt: number
  readonly topicCount: number
  readonly dataAt: number
  readonly dataTo: number
}

export interface LogPlace {
  readonly hash: BlockHash
  readonly number: number
  /** Seconds. */
  readonly timestamp: number
  transactionHash(index: number): Hash32 | undefined
}
