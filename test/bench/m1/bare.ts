/**
 * The baseline: a store to which the same rows are written by bare puts and removes, nothing read, nothing computed. What the rows are is
 * found by letting the production code apply the block to a store of its own: in the one that is measured that would bring every page of
 * them near.
 */
import type { Compress } from '#ports/compress.ts'
import type { KeyValue, Table, WriteTx } from '#ports/storage/key-value.ts'
import { openStore } from '#state/open-store.ts'
import type { StoreWriter } from '#state/store.ts'

export interface RowChange {
  readonly table: Table
  readonly key: Uint8Array
  /** Undefined where the row is removed. */
  readonly value: Uint8Array | undefined
  /** After all others of its table. */
  readonly isLast?: true
}

/** Applies to a store and says which rows that wrote. */
export function rowsOf(
  kv: KeyValue,
  change: (writer: StoreWriter) => void,
  compress: Compress,
): readonly RowChange[] {
  const rows: RowChange[] = []
  const watched: KeyValue = { ...kv, write: (each) => kv.write((tx) => each(watch(tx, rows))) }
  openStore(watched, { compress }).commit(change)
  return rows
}

export function writeRows(kv: KeyValue, rows: readonly RowChange[]): void {
  kv.write((tx) => {
    for (const { table, key, value, isLast } of rows)
      if (value === undefined) tx.remove(table, key)
      else if (isLast === true) tx.append(table, key, value)
      else tx.put(table, key, value)
  })
}

function watch(tx: WriteTx, into: RowChange[]): WriteTx {
  return {
    get: (table, key) => tx.get(table, key),
    seek: (table, key) => tx.seek(table, key),
    seekBefore: (table, key) => tx.seekBefore(table, key),
    next: (table) => tx.next(table),
    put(table, key, value) {
      into.push({ table, key: key.slice(), value: value.slice() })
      tx.put(table, key, value)
    },
    append(table, key, value) {
      into.push({ table, key: key.slice(), value: value.slice(), isLast: true })
      tx.append(table, key, value)
    },
    insert(table, key, value) {
      const isNew = tx.insert(table, key, value)
      if (isNew) into.push({ table, key: key.slice(), value: value.slice() })
      return isNew
    },
    remove(table, key) {
      into.push({ table, key: key.slice(), value: undefined })
      return tx.remove(table, key)
    },
  }
}
