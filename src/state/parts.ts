/**
 * Values of any size as rows of at most 1.9 KB, because LMDB's multi-page values fragment the free list and slow every commit.
 * Rows are `prefix ‖ part (2)`; all but the last are full, so a row that is not full ends the value (it may be empty).
 */
import { assert } from '#kernel/assert.ts'
import { concatBytes } from '#kernel/bytes.ts'
import type { ReadTx, Table, WriteTx } from '#ports/storage/key-value.ts'

/** 59 hashes of 32 bytes: no hash of a list crosses two rows. */
export const PART_BYTES = 1_888
const PARTS_MAX = 0x1_0000

type Reads = Pick<ReadTx, 'get'>

/** Writes a value under a prefix that has none. */
export function putParts(
  tx: Pick<WriteTx, 'put'>,
  table: Table,
  prefix: Uint8Array,
  bytes: Uint8Array,
): void {
  const count = countParts(bytes)
  for (let part = 0; part < count; part++) {
    tx.put(table, partKey(prefix, part), bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES))
  }
}

/** The same where the value follows from the prefix, and may be there already. */
export function insertParts(
  tx: { insert(table: Table, key: Uint8Array, value: Uint8Array): unknown },
  table: Table,
  prefix: Uint8Array,
  bytes: Uint8Array,
): void {
  const put: WriteTx['put'] = (name, key, value) => void tx.insert(name, key, value)
  putParts({ put }, table, prefix, bytes)
}

/** The same in a table whose keys are block numbers: mostly after all others. */
export function appendParts(
  tx: Pick<WriteTx, 'append'>,
  table: Table,
  prefix: Uint8Array,
  bytes: Uint8Array,
): void {
  const count = countParts(bytes)
  for (let part = 0; part < count; part++) {
    tx.append(table, partKey(prefix, part), bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES))
  }
}

/** Writes a value over another, of which no part is left behind. */
export function replaceParts(tx: WriteTx, table: Table, prefix: Uint8Array, bytes: Uint8Array): void {
  removePartsFrom(tx, table, prefix, countParts(bytes))
  putParts(tx, table, prefix, bytes)
}

/** The whole value, a copy; undefined where there is none. */
export function getParts(tx: Reads, table: Table, prefix: Uint8Array): Uint8Array | undefined {
  const rows: Uint8Array[] = []
  const key = partKey(prefix, 0)
  for (let part = 0; part < PARTS_MAX; part++) {
    key[prefix.length] = part >>> 8
    key[prefix.length + 1] = part
    const row = tx.get(table, key)?.slice()
    if (row === undefined) {
      assert(part === 0, 'all parts of a value are stored')
      return undefined
    }
    rows.push(row)
    if (row.length < PART_BYTES) break
  }
  return rows.length === 1 ? rows[0] : concatBytes(...rows)
}

export function removeParts(tx: WriteTx, table: Table, prefix: Uint8Array): void {
  removePartsFrom(tx, table, prefix, 0)
}

function countParts(bytes: Uint8Array): number {
  const count = Math.floor(bytes.length / PART_BYTES) + 1
  assert(count <= PARTS_MAX, 'a value in parts has at most 65,536 of them')
  return count
}

function removePartsFrom(tx: WriteTx, table: Table, prefix: Uint8Array, first: number): void {
  for (let part = first; part < PARTS_MAX; part++) {
    if (!tx.remove(table, partKey(prefix, part))) return
  }
}

export function partKey(prefix: Uint8Array, part: number): Uint8Array {
  const key = new Uint8Array(prefix.length + 2)
  key.set(prefix)
  key[prefix.length] = part >>> 8
  key[prefix.length + 1] = part
  return key
}
