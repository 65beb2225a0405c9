/**
 * What each block changed. `changes` lists, in rows that stand on their own, the keys of a block; `history` holds for each the value
 * before it. Undo reads both; pruning (pruning.ts) deletes both.
 */
import { assert } from '#kernel/assert.ts'
import type { ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import { u32 } from '#state/codec/bytes.ts'
import { PART_BYTES, partKey } from '#state/parts.ts'
import { type Annals, removeChangesRow } from './pruning.ts'
import { ACCOUNT_KEY_BYTES, SLOT_KEY_BYTES, Tag } from '#state/rows/rows.ts'
import { historyKey, NOT_WIDENED } from '#state/bulk/stretches.ts'

/** Entries of a changes row: a tagged key of the state, or a fact of the delta that undo gives back. */
export const Entry = { ...Tag, cleared: 3, code: 4 } as const

const ENTRY_BYTES: Readonly<Record<number, number>> = {
  [Entry.account]: ACCOUNT_KEY_BYTES,
  [Entry.slot]: SLOT_KEY_BYTES,
  [Entry.cleared]: 21,
  [Entry.code]: 33,
}

export const STATE_ANNALS: Annals = {
  changes: 'changes',
  history: 'history',
  keysIn: (row) => entriesOf(row).filter(isStateKey),
}

const FIRST_ROW_BYTES = 256

/** Gathers the entries of one block into rows. */
export class ChangesWriter {
  readonly #tx: WriteTx
  readonly #block: number
  #row = new Uint8Array(FIRST_ROW_BYTES)
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
    if (this.#length + entry.length > this.#row.length) this.#widen()
    // A loop: entries are short, and `set` costs more.
    for (let i = 0; i < entry.length; i++) this.#row[this.#length++] = entry[i] as number
  }

  /** Most rows of a small block are short. */
  #widen(): void {
    const wider = new Uint8Array(PART_BYTES)
    wider.set(this.#row)
    this.#row = wider
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
  for (let part = 0; removeChangesRow(tx, STATE_ANNALS, partKey(u32(block), part), NOT_WIDENED) > 0; part++);
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
