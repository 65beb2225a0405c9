/**
 * The baseline: a store to which the same rows are written by bare puts and removes, nothing read, nothing computed. What the rows are is
 * found by letting the production code apply the block to this store in a transaction that is given up.
 */
import type { Compress } from '#ports/compress.ts'
import type { KeyValue, Table, WriteTx } from '#ports/key-value.ts'
import { openStore } from '#state/open-store.ts'
import type { StoreWriter } from '#state/store.ts'

export interface RowChange {
  readonly table: Table
  readonly key: Uint8Array
  /** Undefined where the row is removed. */
  readonly value: Uint8Array | undefined
}

/** What `change` writes to a store at the same block. */
export function rowsOf(
  kv: KeyValue,
  change: (writer: StoreWriter) => void,
  compress: Compress,
): readonly RowChange[] {
  const rows: RowChange[] = []
  openStore({ ...kv, write: (each) => spy(kv, each, rows) }, { compress }).commit(change)
  return rows
}

export function writeRows(kv: KeyValue, rows: readonly RowChange[]): void {
  kv.write((tx) => {
    for (const { table, key, value } of rows)
      if (value === undefined) tx.remove(table, key)
      else tx.put(table, key, value)
  })
}

class GivenUp extends Error {}

/** Runs the change on the store and notes what it writes, then leaves the store as it was. */
function spy<T>(kv: KeyValue, change: (tx: WriteTx) => T, into: RowChange[]): T {
  let result: { readonly value: T } | undefined
  try {
    kv.write((tx) => {
      const watched: WriteTx = {
        get: (table, key) => tx.get(table, key),
        seek: (table, key) => tx.seek(table, key),
        seekBefore: (table, key) => tx.seekBefore(table, key),
        next: (table) => tx.next(table),
        put(table, key, value) {
          const row = { table, key: key.slice(), value: value.slice() }
          tx.put(table, row.key, row.value)
          into.push(row)
        },
        remove(table, key) {
          const row = { table, key: key.slice(), value: undefined }
          into.push(row)
          return tx.remove(table, row.key)
        },
      }
      result = { value: change(watched) }
      throw new GivenUp()
    })
  } catch (thrown) {
    if (!(thrown instanceof GivenUp)) throw thrown
  }
  return (result as { readonly value: T }).value
}
