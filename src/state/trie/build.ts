/**
 * A state trie from the flat tables, in transactions of a bounded size and with nothing else in memory: of a first state, before anybody reads
 * the store. Rows of the trie follow from the state alone, so the order in which leaves are put does not matter.
 */
import type { Address } from '#chain/block/block-ref.ts'
import { ACCOUNTS, storageOwner, type TrieRows } from '#chain/trie/rows.ts'
import { accountLeaf, slotLeaf } from '#chain/trie/state-trie.ts'
import { BranchRows, type LeafChange, trieRootOf, type Tries, updateTrie } from '#chain/trie/update.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes } from '#kernel/bytes.ts'
import type { KeyValue, ReadTx } from '#ports/storage/key-value.ts'
import { latestState } from '#state/flat-state.ts'
import { rowsWithoutHistory, stateRootOf } from './block-trie.ts'

/** Leaves of one transaction: each has a few rows above it that nobody else has. */
const LEAVES_MAX = 8_000
const ADDRESS_BYTES = 20

type Reads = Pick<ReadTx, 'get' | 'seek' | 'next'>
/** Some leaves from the flat tables of `state` into `rows`. */
type Chunk = (state: Reads, rows: TrieRows) => void

/** Into the store's own table; the root, 32 bytes. */
export function buildTrie(kv: KeyValue): Uint8Array {
  build((chunk) => kv.write((tx) => chunk(tx, rowsWithoutHistory(tx))))
  return rootIn(kv)
}

/** Into another store, which holds nothing else. `onLeaves` is told how many more are in the trie. */
export function buildTrieApart(
  state: ReadTx,
  scratch: KeyValue,
  onLeaves: (leaves: number) => void,
): Uint8Array {
  build((chunk) => scratch.write((tx) => chunk(state, rowsWithoutHistory(tx))), onLeaves)
  return rootIn(scratch)
}

function rootIn(kv: KeyValue): Uint8Array {
  const tx = kv.read()
  try {
    return stateRootOf(tx)
  } finally {
    tx.release()
  }
}

/** @param write does a chunk, in a transaction of its own */
function build(write: (chunk: Chunk) => void, onLeaves: (leaves: number) => void = () => {}): void {
  inChunks('storage', write, onLeaves, (state, tries, keys) => {
    for (const [address, slots] of byAddress(keys)) putSlots(state, tries, address, slots)
  })
  inChunks('accounts', write, onLeaves, putAccounts)
}

function putSlots(from: Reads, tries: Tries, address: Address, slots: readonly Uint8Array[]): void {
  const state = latestState(from, 0)
  const valueOf = (slot: Uint8Array): Uint8Array => {
    const word = new Uint8Array(32)
    state.slot(address, slot, word)
    return there(slotLeaf(word))
  }
  updateTrie(storageOwner(address), { changes: leavesOf(slots, valueOf), valueOf }, tries)
}

function putAccounts(from: Reads, tries: Tries, addresses: readonly Uint8Array[]): void {
  const state = latestState(from, 0)
  const storageRoot = (address: Address): Uint8Array => trieRootOf(tries.rows, storageOwner(address))
  const valueOf = (address: Address): Uint8Array => there(accountLeaf(state, address, storageRoot))
  updateTrie(ACCOUNTS, { changes: leavesOf(addresses, valueOf), valueOf }, tries)
}

function leavesOf(plain: readonly Uint8Array[], valueOf: (plain: Uint8Array) => Uint8Array): LeafChange[] {
  return plain
    .map((key): LeafChange => ({ key: keccak256(key), plain: key, value: valueOf(key) }))
    .sort((a, b) => compareBytes(a.key, b.key))
}

/** Keys of a table, so many at a time. */
function inChunks(
  table: 'accounts' | 'storage',
  write: (chunk: Chunk) => void,
  onLeaves: (leaves: number) => void,
  put: (state: Reads, tries: Tries, keys: readonly Uint8Array[]) => void,
): void {
  const branches = new BranchRows()
  let from = new Uint8Array(1)
  for (let done = false; !done; )
    write((state, rows) => {
      const keys: Uint8Array[] = []
      let row = state.seek(table, from)
      for (; row !== undefined && keys.length < LEAVES_MAX; row = state.next(table))
        keys.push(row.key.slice())
      if (row === undefined) done = true
      else from = row.key.slice()
      put(state, { rows, branches }, keys)
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
