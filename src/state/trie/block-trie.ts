/**
 * The state trie in the store: `trie` holds the rows of the latest state (chain/trie/rows.ts), `trieHistory` the reference that each
 * position had before a block changed it, `trieChanges` the positions that a block changed. Undoing puts references back, and hashes nothing.
 */
import type { Delta } from '#chain/delta.ts'
import type { StateView } from '#chain/state-view.ts'
import { type Branch, decodeBranch, emptyBranch, encodeBranch } from '#chain/trie/reference.ts'
import { nibbleAt } from '#chain/trie/nibbles.ts'
import { ACCOUNTS, partsOfKey, pathKey, rootKey, type TrieReader, type TrieRows } from '#chain/trie/rows.ts'
import { updateStateTrie } from '#chain/trie/state-trie.ts'
import { trieRootOf } from '#chain/trie/update.ts'
import { assert } from '#kernel/assert.ts'
import { toHex } from '#kernel/bytes.ts'
import type { ReadTx, WriteTx } from '#ports/key-value.ts'
import { u32 } from '#state/codec/bytes.ts'
import { PART_BYTES, partKey } from '#state/parts.ts'
import { type Annals, removeChangesRow } from '#state/pruning.ts'
import { historyKey, NOT_WIDENED } from '#state/stretches.ts'

export const TRIE_ANNALS: Annals = { changes: 'trieChanges', history: 'trieHistory', keysIn: positionsOf }

export function trieReader(tx: Pick<ReadTx, 'get'>): TrieReader {
  return { get: (key) => tx.get('trie', key) }
}

/** Brings the trie to the state after block `number`, of which the flat tables are already; the new state root. */
export function applyToTrie(tx: WriteTx, number: number, delta: Delta, after: StateView): Uint8Array {
  const changes = new PositionsWriter(tx, number)
  const rows: TrieRows = {
    get: (key) => tx.get('trie', key),
    put: (key, row) => tx.put('trie', key, row),
    remove: (key) => void tx.remove('trie', key),
    changed: (position, before) => changes.changed(position, before),
  }
  const root = updateStateTrie(rows, delta, after)
  changes.end()
  return root
}

/** Rows of which nobody will ask what they were before. */
export function rowsWithoutHistory(tx: WriteTx): TrieRows {
  return {
    get: (key) => tx.get('trie', key),
    put: (key, row) => tx.put('trie', key, row),
    remove: (key) => void tx.remove('trie', key),
  }
}

export function stateRootOf(tx: Pick<ReadTx, 'get'>): Uint8Array {
  return trieRootOf(trieReader(tx), ACCOUNTS)
}

/** Gathers the positions of one block into rows of `length 1 ‖ position`. */
class PositionsWriter {
  readonly #tx: WriteTx
  readonly #block: number
  readonly #row = new Uint8Array(PART_BYTES)
  #length = 0
  #part = 0

  constructor(tx: WriteTx, block: number) {
    this.#tx = tx
    this.#block = block
  }

  changed(position: Uint8Array, before: Uint8Array): void {
    this.#tx.put('trieHistory', historyKey(position, this.#block), before)
    if (this.#length + 1 + position.length > PART_BYTES) this.end()
    this.#row[this.#length] = position.length
    this.#row.set(position, this.#length + 1)
    this.#length += 1 + position.length
  }

  end(): void {
    if (this.#length === 0) return
    const key = partKey(u32(this.#block), this.#part++)
    this.#tx.append('trieChanges', key, this.#row.subarray(0, this.#length))
    this.#length = 0
  }
}

/** Puts the references of before block `number`, the head, back; its history and changes go. */
export function undoInTrie(tx: WriteTx, number: number): void {
  const branches = new Map<string, { readonly key: Uint8Array; readonly branch: Branch }>()
  for (let part = 0; ; part++) {
    const key = partKey(u32(number), part)
    const row = tx.get('trieChanges', key)?.slice()
    if (row === undefined) break
    for (const position of positionsOf(row)) {
      const before = tx.get('trieHistory', historyKey(position, number))?.slice()
      assert(before !== undefined, 'every changed position has its history')
      putBack(tx, position, before, branches)
    }
    removeChangesRow(tx, TRIE_ANNALS, key, NOT_WIDENED)
  }
  for (const { key, branch } of branches.values()) {
    if (branch.every((child) => child === undefined)) tx.remove('trie', key)
    else tx.put('trie', key, encodeBranch(branch))
  }
}

function putBack(
  tx: WriteTx,
  position: Uint8Array,
  before: Uint8Array,
  branches: Map<string, { readonly key: Uint8Array; readonly branch: Branch }>,
): void {
  const { owner, nibbles, path } = partsOfKey(position)
  if (nibbles === 0) {
    if (before.length === 0) tx.remove('trie', rootKey(owner))
    else tx.put('trie', rootKey(owner), before)
    return
  }
  const key = pathKey(owner, path, nibbles - 1)
  const text = toHex(key)
  const known = branches.get(text) ?? { key, branch: storedBranch(tx, key) }
  branches.set(text, known)
  known.branch[nibbleAt(path, nibbles - 1)] = before.length === 0 ? undefined : before
}

function storedBranch(tx: WriteTx, key: Uint8Array): Branch {
  const row = tx.get('trie', key)
  return row === undefined ? emptyBranch() : decodeBranch(row.slice())
}

function positionsOf(row: Uint8Array): Uint8Array[] {
  const positions: Uint8Array[] = []
  for (let at = 0; at < row.length; ) {
    const end = at + 1 + (row[at] as number)
    assert(end <= row.length, 'a row of changes holds whole positions')
    positions.push(row.subarray(at + 1, end))
    at = end
  }
  return positions
}
