/**
 * A state trie from the flat tables, in transactions of a bounded size and with nothing else in memory: of a first state, before anybody reads
 * the store. Rows of the trie follow from the state alone, so the order in which leaves are put does not matter.
 */
import type { Address } from '#chain/block-ref.ts'
import { ACCOUNTS, storageOwner } from '#chain/trie/rows.ts'
import { accountLeaf, slotLeaf } from '#chain/trie/state-trie.ts'
import { type LeafChange, trieRootOf, updateTrie } from '#chain/trie/update.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes } from '#kernel/bytes.ts'
import type { KeyValue, WriteTx } from '#ports/key-value.ts'
import { flatState } from '#state/flat-state.ts'
import { rowsWithoutHistory, stateRootOf, trieReader } from './block-trie.ts'

/** Leaves of one transaction: each has a few rows above it that nobody else has. */
const LEAVES_MAX = 8_000
const ADDRESS_BYTES = 20

/** The root, 32 bytes. `onLeaves` is told how many more are in the trie. */
export function buildTrie(kv: KeyValue, onLeaves: (leaves: number) => void = () => {}): Uint8Array {
  inChunks(kv, 'storage', onLeaves, (tx, keys) => {
    for (const [address, slots] of byAddress(keys)) putSlots(tx, address, slots)
  })
  inChunks(kv, 'accounts', onLeaves, putAccounts)
  const tx = kv.read()
  try {
    return stateRootOf(tx)
  } finally {
    tx.release()
  }
}

function putSlots(tx: WriteTx, address: Address, slots: readonly Uint8Array[]): void {
  const state = flatState(tx, 0, 0)
  const valueOf = (slot: Uint8Array): Uint8Array => {
    const word = new Uint8Array(32)
    state.slot(address, slot, word)
    return there(slotLeaf(word))
  }
  updateTrie(rowsWithoutHistory(tx), storageOwner(address), leavesOf(slots, valueOf), valueOf)
}

function putAccounts(tx: WriteTx, addresses: readonly Uint8Array[]): void {
  const state = flatState(tx, 0, 0)
  const storageRoot = (address: Address): Uint8Array => trieRootOf(trieReader(tx), storageOwner(address))
  const valueOf = (address: Address): Uint8Array => there(accountLeaf(state, address, storageRoot))
  updateTrie(rowsWithoutHistory(tx), ACCOUNTS, leavesOf(addresses, valueOf), valueOf)
}

function leavesOf(plain: readonly Uint8Array[], valueOf: (plain: Uint8Array) => Uint8Array): LeafChange[] {
  return plain
    .map((key): LeafChange => ({ key: keccak256(key), plain: key, value: valueOf(key) }))
    .sort((a, b) => compareBytes(a.key, b.key))
}

/** Keys of a table, so many at a time, each time in a transaction of its own. */
function inChunks(
  kv: KeyValue,
  table: 'accounts' | 'storage',
  onLeaves: (leaves: number) => void,
  put: (tx: WriteTx, keys: readonly Uint8Array[]) => void,
): void {
  let from = new Uint8Array(1)
  for (let done = false; !done; )
    kv.write((tx) => {
      const keys: Uint8Array[] = []
      let row = tx.seek(table, from)
      for (; row !== undefined && keys.length < LEAVES_MAX; row = tx.next(table)) keys.push(row.key.slice())
      if (row === undefined) done = true
      else from = row.key.slice()
      put(tx, keys)
      onLeaves(keys.length)
    })
}

/** Of keys of slots, which are sorted: one account's after another's. */
function* byAddress(keys: readonly Uint8Array[]): Generator<[Address, Uint8Array[]]> {
  for (let from = 0; from < keys.length; ) {
    const address = (keys[from] as Uint8Array).subarray(0, ADDRESS_BYTES)
    let to = from + 1
    while (to < keys.length && isOf(keys[to] as Uint8Array, address)) to++
    yield [address, keys.slice(from, to).map((key) => key.subarray(ADDRESS_BYTES))]
    from = to
  }
}

function isOf(key: Uint8Array, address: Address): boolean {
  return compareBytes(key.subarray(0, ADDRESS_BYTES), address) === 0
}

function there(value: Uint8Array | undefined): Uint8Array {
  assert(value !== undefined, 'a leaf has what it holds in the flat state')
  return value
}
