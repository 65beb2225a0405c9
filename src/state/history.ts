/**
 * What each block changed. `changes` lists, in rows that stand on their own, the keys of a block; `history` holds for each the value
 * before it. Undo reads both; pruning deletes both row by row, so a block of any size is pruned in bounded steps.
 */
import { assert } from '#kernel/assert.ts'
import type { ReadTx, WriteTx } from '#ports/key-value.ts'
import { getU32, u32 } from './codec/bytes.ts'
import { PART_BYTES, partKey } from './parts.ts'
import { ACCOUNT_KEY_BYTES, SLOT_KEY_BYTES, Tag } from './rows.ts'
import { historyKey, NOT_WIDENED, removeHistory, type Widening } from './stretches.ts'

/** Entries of a changes row: a tagged key of the state, or a fact of the delta that undo gives back. */
export const Entry = { ...Tag, cleared: 3, code: 4 } as const

const ENTRY_BYTES: Readonly<Record<number, number>> = {
  [Entry.account]: ACCOUNT_KEY_BYTES,
  [Entry.slot]: SLOT_KEY_BYTES,
  [Entry.cleared]: 21,
  [Entry.code]: 33,
}

/** Gathers the entries of one block into rows. */
export class ChangesWriter {
  readonly #tx: WriteTx
  readonly #block: number
  readonly #row = new Uint8Array(PART_BYTES)
  #length = 0
  #part = 0

  constructor(tx: WriteTx, block: number) {
    this.#tx = tx
    this.#block = block
  }

  /** Writes the value before (empty where absent) and lists the key. */
  changed(tagged: Uint8Array, before: Uint8Array): void {
    this.#tx.put('history', historyKey(tagged, this.#block), before)
    this.list(tagged)
  }

  list(entry: Uint8Array): void {
    if (this.#length + entry.length > PART_BYTES) this.end()
    // A loop: entries are short, and `set` costs more.
    for (let i = 0; i < entry.length; i++) this.#row[this.#length++] = entry[i] as number
  }

  end(): void {
    if (this.#length === 0) return
    const key = partKey(u32(this.#block), this.#part++)
    this.#tx.append('changes', key, this.#row.subarray(0, this.#length))
    this.#length = 0
  }
}

/** The entries of a block in the order in which they were listed, copies. */
export function readChanges(tx: Pick<ReadTx, 'get'>, block: number): Uint8Array[] {
  const entries: Uint8Array[] = []
  for (let part = 0; ; part++) {
    const row = tx.get('changes', partKey(u32(block), part))?.slice()
    if (row === undefined) return entries
    entries.push(...entriesOf(row))
  }
}

/** The value of a key before `block`, a copy; empty where it was absent. */
export function readBefore(tx: Pick<ReadTx, 'get'>, tagged: Uint8Array, block: number): Uint8Array {
  const before = tx.get('history', historyKey(tagged, block))
  assert(before !== undefined, 'every listed change has its history')
  return before.slice()
}

export function removeChanges(tx: WriteTx, block: number): void {
  // History is widened below the last final block only.
  for (let part = 0; removeChangesRow(tx, partKey(u32(block), part), NOT_WIDENED) > 0; part++);
}

/** Deletes the oldest changes and their history up to and with `number`, about `rowsMax` rows: what is left begins at `from`. */
export function pruneUpTo(
  tx: WriteTx,
  number: number,
  { rowsMax, widening }: { readonly rowsMax: number; readonly widening: Widening },
): { readonly done: boolean; readonly prunedTo: number | undefined } {
  let rows = 0
  let prunedTo: number | undefined
  for (;;) {
    const key = tx.seek('changes', u32(0))?.key.slice()
    if (key === undefined || getU32(key, 0) > number) return { done: true, prunedTo }
    if (rows >= rowsMax) return { done: false, prunedTo }
    prunedTo = getU32(key, 0)
    rows += removeChangesRow(tx, key, widening)
  }
}

/** Removes one row and the history of its keys; the number of rows removed. */
function removeChangesRow(tx: WriteTx, key: Uint8Array, widening: Widening): number {
  const row = tx.get('changes', key)?.slice()
  if (row === undefined) return 0
  tx.remove('changes', key)
  let removed = 1
  const place = { block: getU32(key, 0), widening }
  for (const entry of entriesOf(row))
    if (isStateKey(entry) && removeHistory(tx, 'history', entry, place)) removed++
  return removed
}

export function isStateKey(entry: Uint8Array): boolean {
  return entry[0] === Entry.account || entry[0] === Entry.slot
}

function entriesOf(row: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = []
  for (let at = 0; at < row.length; ) {
    const length = ENTRY_BYTES[row[at] as number]
    assert(length !== undefined && at + length <= row.length, 'a changes row holds whole entries')
    entries.push(row.subarray(at, at + length))
    at += length
  }
  return entries
}
