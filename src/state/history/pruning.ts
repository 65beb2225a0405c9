/**
 * History that is given up, of the state and of its trie alike: a row of changes names keys that a block changed, and each has a row of
 * history. The oldest go first, row by row, so that a block of any size is pruned in bounded steps.
 */
import type { WriteTx } from '#ports/storage/key-value.ts'
import { getU32, u32 } from '#state/codec/bytes.ts'
import { type HistoryTable, removeHistory, type Widening } from '#state/bulk/stretches.ts'

/** Two tables that belong together. */
export interface Annals {
  readonly changes: 'changes' | 'trieChanges'
  readonly history: HistoryTable
  /** The keys with history that a row of changes names; views of it. */
  readonly keysIn: (row: Uint8Array) => readonly Uint8Array[]
}

export interface Pruned {
  /** Nothing is left of blocks up to and with the one that was named. */
  readonly done: boolean
  /** The block of the last row that went: what is left begins there. */
  readonly prunedTo: number | undefined
}

/** Deletes the oldest changes and their history up to and with block `number`, about `rowsMax` rows. */
export function pruneUpTo(
  tx: WriteTx,
  annals: Annals,
  number: number,
  { rowsMax, widening }: { readonly rowsMax: number; readonly widening: Widening },
): Pruned {
  let rows = 0
  let prunedTo: number | undefined
  for (;;) {
    const key = tx.seek(annals.changes, u32(0))?.key.slice()
    if (key === undefined || getU32(key, 0) > number) return { done: true, prunedTo }
    if (rows >= rowsMax) return { done: false, prunedTo }
    prunedTo = getU32(key, 0)
    rows += removeChangesRow(tx, annals, key, widening)
  }
}

/** Removes one row of changes and the history of its keys; the number of rows removed. */
export function removeChangesRow(tx: WriteTx, annals: Annals, key: Uint8Array, widening: Widening): number {
  const row = tx.get(annals.changes, key)?.slice()
  if (row === undefined) return 0
  tx.remove(annals.changes, key)
  let removed = 1
  const place = { block: getU32(key, 0), widening }
  for (const changed of annals.keysIn(row)) if (removeHistory(tx, annals.history, changed, place)) removed++
  return removed
}
