/** The trie of a first state, in transactions of a bounded size: nobody reads a store before it has its identity. */
import type { Genesis } from '#chain/genesis.ts'
import { ACCOUNTS, storageOwner } from '#chain/trie/rows.ts'
import { accountLeaf, slotLeaf } from '#chain/trie/state-trie.ts'
import { type LeafChange, trieRootOf, updateTrie } from '#chain/trie/update.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes, equalBytes, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { KeyValue, WriteTx } from '#ports/key-value.ts'
import { flatState } from '#state/flat-state.ts'
import { rowsWithoutHistory, stateRootOf, trieReader } from './block-trie.ts'

/** Leaves of one transaction: each has a handful of rows above it. */
const LEAVES_MAX = 4_000

/** The state is in the flat tables. @throws Fault store/state-root where the header has another root */
export function buildTrie(kv: KeyValue, genesis: Genesis): void {
  for (const [address, leaves] of storageLeaves(genesis)) {
    const owner = storageOwner(address)
    inChunks(kv, leaves, (tx, chunk) =>
      updateTrie(rowsWithoutHistory(tx), owner, chunk, (slot) => {
        const word = new Uint8Array(32)
        flatState(tx, 0, 0).slot(address, slot, word)
        return there(slotLeaf(word))
      }),
    )
  }
  const accounts = genesis.accounts.filter(({ after }) => after !== undefined)
  const leaves = accounts.map(({ address }) => ({ key: keccak256(address), plain: address }))
  inChunks(kv, leaves, (tx, chunk) => {
    const valueOf = (address: Uint8Array): Uint8Array =>
      there(accountLeaf(flatState(tx, 0, 0), address, (of) => trieRootOf(trieReader(tx), storageOwner(of))))
    const changes = chunk.map((leaf): LeafChange => ({ ...leaf, value: valueOf(leaf.plain) }))
    updateTrie(rowsWithoutHistory(tx), ACCOUNTS, changes, valueOf)
  })
  const tx = kv.read()
  try {
    refuseOther(stateRootOf(tx), genesis)
  } finally {
    tx.release()
  }
}

function storageLeaves(genesis: Genesis): [address: Uint8Array, leaves: LeafChange[]][] {
  const leavesOf = new Map<string, [Uint8Array, LeafChange[]]>()
  for (const { address, key, value } of genesis.slots) {
    const leaf = slotLeaf(value)
    if (leaf === undefined) continue
    const text = toHex(address)
    const entry = leavesOf.get(text) ?? [address, []]
    entry[1].push({ key: keccak256(key), plain: key, value: leaf })
    leavesOf.set(text, entry)
  }
  return [...leavesOf.values()]
}

function inChunks<T extends { readonly key: Uint8Array }>(
  kv: KeyValue,
  leaves: readonly T[],
  put: (tx: WriteTx, chunk: readonly T[]) => void,
): void {
  const sorted = leaves.toSorted((a, b) => compareBytes(a.key, b.key))
  for (let from = 0; from < sorted.length; from += LEAVES_MAX)
    kv.write((tx) => put(tx, sorted.slice(from, from + LEAVES_MAX)))
}

function there(value: Uint8Array | undefined): Uint8Array {
  assert(value !== undefined, 'a leaf has what it holds in the flat state')
  return value
}

function refuseOther(root: Uint8Array, { header }: Genesis): void {
  if (equalBytes(root, header.stateRoot)) return
  throw new Fault(
    'store/state-root',
    `the first block says that its state root is ${toHex(header.stateRoot)}, the state that was given has ${toHex(root)}: give the genesis of this chain, or go without --trie`,
    { expected: toHex(header.stateRoot), computed: toHex(root) },
  )
}
