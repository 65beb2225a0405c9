/**
 * An ordered, transactional, synchronous key-value store with a fixed set of tables: LMDB in production, memory in tests and the
 * simulation. One writer; readers on stable snapshots. Keys are at most 480 bytes and never empty, values at most 1.9 KB (the store splits larger ones).
 */
export const KEY_BYTES_MAX = 480
export const VALUE_BYTES_MAX = 1_900

export interface KeyValue {
  /** A stable snapshot of the last committed transaction. Release it within a second. */
  read(): ReadTx
  /** Runs `change` in one transaction: all of it or, where it throws, nothing. */
  write<T>(change: (tx: WriteTx) => T): T
  /** About what a table takes of the disk. */
  bytes(table: Table): number
  /** Committed transactions survive kill -9 in any case; from here on a power loss too. */
  close(): Promise<void>
}

export const TABLES = [
  'accounts', 'storage', 'code', 'history', 'changes', 'headers', 'bodies', 'receipts', 'blockHashes', 'hashes', 'transactions',
  'logs', 'postings', 'side', 'meta', 'trie', 'trieHistory', 'trieChanges',
] as const // biome-ignore format: one table
export type Table = (typeof TABLES)[number]

export interface ReadTx {
  /** The value, valid until the next call on any transaction of this thread (and as that call's argument): copy what is kept. */
  get(table: Table, key: Uint8Array): Uint8Array | undefined
  /** The first row whose key is at or after `key`; both arrays valid until the next call. */
  seek(table: Table, key: Uint8Array): Row | undefined
  /** The last row whose key is before `key`; does not move `next`. */
  seekBefore(table: Table, key: Uint8Array): Row | undefined
  /** The row after the one that the last seek or next of this table gave; none where that gave none. */
  next(table: Table): Row | undefined
  release(): void
}

export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Reads see this transaction's own writes. `seek` and `next` must not be interleaved with writes to the same table. */
export interface WriteTx extends Omit<ReadTx, 'release'> {
  put(table: Table, key: Uint8Array, value: Uint8Array): void
  /** Puts where there is no such row, and says whether it did: for keys that are nearly always new, one search instead of two. */
  insert(table: Table, key: Uint8Array, value: Uint8Array): boolean
  /** Puts; quicker, and denser on the disk, where the key is after all others of the table. */
  append(table: Table, key: Uint8Array, value: Uint8Array): void
  /** True where there was such a row. */
  remove(table: Table, key: Uint8Array): boolean
}
