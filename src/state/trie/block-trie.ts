/**
 * The state trie in the store: `trie` holds the rows of the latest state (chain/trie/rows.ts), `trieChanges` what each block found in those
 * that it changed (`layers.ts`). Undoing puts that back, and hashes nothing.
 */
import type { Delta } from '#chain/delta/delta.ts'
import type { StateView } from '#chain/state-view.ts'
import { decodeBranch, encodeBranch } from '#chain/trie/branch-row.ts'
import { emptyBranch } from '#chain/trie/reference.ts'
import { ACCOUNTS, isRootKey, positionOf, type TrieReader, type TrieRows } from '#chain/trie/rows.ts'
import { updateStateTrie } from '#chain/trie/state-trie.ts'
import { trieRootOf } from '#chain/trie/update.ts'
import { assert } from '#kernel/assert.ts'
import type { ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import type { Annals } from '#state/history/pruning.ts'
import { historyKey, keyedTo, type Widening } from '#state/bulk/stretches.ts'
import {
  type Entry,
  firstLayerRow,
  KEYED,
  layerRowAfter,
  type LayerRow,
  LayerWriter,
  putKeyedRow,
  readLayerRow,
  referencesOf,
  WHOLE,
} from './layers.ts'

export const TRIE_ANNALS: Annals = { changes: 'trieChanges', history: 'trieHistory', keysIn: keyedPositions }

export function trieReader(tx: Pick<ReadTx, 'get'>): TrieReader {
  return { get: (key) => tx.get('trie', key) }
}

/** Brings the trie to the state after block `number`, of which the flat tables are already; the new state root. */
export function applyToTrie(tx: WriteTx, number: number, delta: Delta, after: StateView): Uint8Array {
  const layer = new LayerWriter()
  const rows: TrieRows = {
    ...rowsWithoutHistory(tx),
    changed: (key, nibbles, before) => layer.changed(key, nibbles, before),
  }
  const root = updateStateTrie(rows, delta, after)
  layer.write(tx, number)
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

/** Puts back what block `number`, the head, found; its changes go. */
export function undoInTrie(tx: WriteTx, number: number): void {
  for (let row = firstLayerRow(tx, number); row?.block === number; row = layerRowAfter(tx, row.key)) {
    assert(row.kind === WHOLE, 'what can be undone is not final, so it has not moved')
    for (const entry of row.entries) putBack(tx, entry)
    tx.remove('trieChanges', row.key)
  }
}

function putBack(tx: WriteTx, entry: Entry): void {
  const { key } = entry
  if (isRootKey(key)) {
    const [before] = entry.before
    if (before === undefined) tx.remove('trie', key)
    else tx.put('trie', key, before)
    return
  }
  const row = tx.get('trie', key)
  const branch = row === undefined ? emptyBranch() : decodeBranch(row)
  for (const [nibble, before] of referencesOf(entry)) branch[nibble] = before
  if (branch.every((child) => child === undefined)) tx.remove('trie', key)
  else tx.put('trie', key, encodeBranch(branch))
}

/**
 * Moves what old blocks found, of the stretch that history is being moved into, to rows of `trieHistory`: about `rowsMax` of them. Returns the
 * block below which that is done.
 */
export function keyLayers(tx: WriteTx, widening: Widening, rowsMax: number): number {
  const end = keyedTo(widening)
  let rows = 0
  for (let row = firstLayerRow(tx, widening.keyed); row !== undefined && row.block < end; ) {
    if (rows >= rowsMax) return row.block
    if (row.kind === WHOLE) rows += keyRow(tx, row)
    row = layerRowAfter(tx, row.key)
  }
  return end
}

function keyRow(tx: WriteTx, row: LayerRow): number {
  let rows = 1
  for (const entry of row.entries)
    for (const [nibble, before] of referencesOf(entry)) {
      const key = historyKey(positionOf(entry.key, nibble), row.block, KEYED_LEVEL)
      tx.put('trieHistory', key, before ?? new Uint8Array(0))
      rows++
    }
  putKeyedRow(tx, row)
  return rows
}

/** Where references are put when they move: into the stretch that is being filled. */
export const KEYED_LEVEL = 1

function keyedPositions(value: Uint8Array): Uint8Array[] {
  if (value[0] !== KEYED) return []
  return readLayerRow(value).entries.flatMap((entry) =>
    referencesOf(entry).map(([nibble]) => positionOf(entry.key, nibble)),
  )
}
