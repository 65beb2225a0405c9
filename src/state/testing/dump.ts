/** All rows of a store as texts, so that two stores can be compared table by table. */
import { toHex } from '#kernel/bytes.ts'
import { type KeyValue, TABLES, type Table } from '#ports/storage/key-value.ts'

/** Of each table its rows in order, as `key value` in hex. */
export type Dump = Record<Table, string[]>

export function dumpTables(kv: KeyValue): Dump {
  const dump = Object.fromEntries(TABLES.map((table) => [table, [] as string[]])) as Dump
  const tx = kv.read()
  for (const table of TABLES) {
    for (let row = tx.seek(table, new Uint8Array(1)); row !== undefined; row = tx.next(table)) {
      dump[table].push(`${toHex(row.key)} ${toHex(row.value)}`)
    }
  }
  tx.release()
  return dump
}

/** What two stores at the same block with the same horizon have in common, however they came there: all but the commit counter and
 *  the feed's machine (`meta`), side frames, and code, of which undone blocks leave some behind. */
export function comparable(dump: Dump): Omit<Dump, 'meta' | 'side' | 'code'> {
  const { meta: _meta, side: _side, code: _code, ...same } = dump
  return same
}
