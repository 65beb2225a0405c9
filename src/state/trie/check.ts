/**
 * Recomputes every root from the flat state and compares it with what the store says: a store with a state trie along its rows, so that the
 * first difference is named by its key; one without on a trie that is made apart. Nothing is held but the branches of one path.
 */
import type { Address } from '#chain/block/block-ref.ts'
import type { StateView } from '#chain/state-view.ts'
import { nibbleAt, setNibble } from '#chain/trie/nibbles.ts'
import {
  branchReference,
  branchRlp,
  embed,
  emptyBranch,
  extensionOf,
  isLeaf,
  leafKeyOf,
  leafReference,
  leafRlp,
  type Reference,
} from '#chain/trie/reference.ts'
import { ACCOUNTS, type Owner, rootKey, storageOwner } from '#chain/trie/rows.ts'
import { accountLeaf, slotLeaf } from '#chain/trie/state-trie.ts'
import { readBranch, rootHash } from '#chain/trie/update.ts'
import { keccak256 } from '#core/keccak.ts'
import { equalBytes, toHex } from '#kernel/bytes.ts'
import type { KeyValue, ReadTx } from '#ports/storage/key-value.ts'
import { readHeader } from '#state/rows/chain-rows.ts'
import { latestState } from '#state/flat-state.ts'
import { readKeepsTrie, readStatus } from '#state/meta.ts'
import { trieReader } from './block-trie.ts'
import { buildTrieApart } from './build.ts'

export type Verdict =
  | {
      readonly kind: 'equal'
      readonly block: number
      readonly root: Uint8Array
      readonly accounts: number
      readonly slots: number
    }
  /** The first that was found. `expected` is what the store or the header says. */
  | { readonly kind: 'differs'; readonly what: string; readonly expected: string; readonly computed: string }

export interface CheckParts {
  /** An empty store that may be filled, for one that keeps no trie. */
  readonly scratch: () => KeyValue
  readonly onProgress: (leaves: number, of: number) => void
}

/** Leaves between two words of progress. */
const TOLD_EVERY = 1_000

/** Nobody writes the store meanwhile. */
export function checkState(tx: ReadTx, { scratch, onProgress }: CheckParts): Verdict {
  const { head } = readStatus(tx).heads
  const header = readHeader(tx, head.number)
  const [accounts, slots] = [countRows(tx, 'accounts'), countRows(tx, 'storage')]
  const of = accounts + slots
  let leaves = 0
  const tell = (more: number): void => {
    const before = leaves
    leaves += more
    if (Math.floor(before / TOLD_EVERY) !== Math.floor(leaves / TOLD_EVERY)) onProgress(leaves, of)
  }
  let root: Uint8Array
  if (readKeepsTrie(tx)) {
    const walk = new Walk(tx, latestState(tx, head.number), tell)
    const found = walk.accounts()
    if (walk.difference !== undefined) return { kind: 'differs', ...walk.difference }
    if (walk.accountLeaves !== accounts || walk.slotLeaves !== slots)
      return { kind: 'differs', ...missing(tx) }
    root = rootHash(found)
  } else root = buildTrieApart(tx, scratch(), tell)
  const expected = header?.stateRoot ?? new Uint8Array(32)
  if (equalBytes(root, expected)) return { kind: 'equal', block: head.number, root, accounts, slots }
  return {
    kind: 'differs',
    what: `the state root of block ${head.number}`,
    expected: toHex(expected),
    computed: toHex(root),
  }
}

function countRows(tx: ReadTx, table: 'accounts' | 'storage'): number {
  let count = 0
  for (let row = tx.seek(table, new Uint8Array(1)); row !== undefined; row = tx.next(table)) count++
  return count
}

interface Difference {
  readonly what: string
  readonly expected: string
  readonly computed: string
}

class Walk {
  readonly #tx: ReadTx
  readonly #state: StateView
  readonly #tell: (leaves: number) => void
  difference: Difference | undefined
  accountLeaves = 0
  slotLeaves = 0

  constructor(tx: ReadTx, state: StateView, tell: (leaves: number) => void) {
    this.#tx = tx
    this.#state = state
    this.#tell = tell
  }

  accounts(): Reference | undefined {
    return this.#trie(ACCOUNTS, 'the accounts', (address) => {
      const storage = this.#storage(address)
      this.accountLeaves++
      return accountLeaf(this.#state, address, () => rootHash(storage))
    })
  }

  #storage(address: Address): Reference | undefined {
    const of = `the storage of ${toHex(address)}`
    const word = new Uint8Array(32)
    return this.#trie(storageOwner(address), of, (slot) => {
      this.slotLeaves++
      this.#state.slot(address, slot, word)
      return slotLeaf(word)
    })
  }

  /** The root's reference, recomputed; the first difference stops everything. */
  #trie(
    owner: Owner,
    of: string,
    valueOf: (plain: Uint8Array) => Uint8Array | undefined,
  ): Reference | undefined {
    const root = this.#tx.get('trie', rootKey(owner))?.slice()
    if (root === undefined) return undefined
    return this.#node({ owner, of, valueOf, path: new Uint8Array(32) }, 0, root)
  }

  #node(trie: TrieWalk, depth: number, stored: Reference): Reference | undefined {
    if (this.difference !== undefined) return undefined
    const computed = isLeaf(stored) ? this.#leaf(trie, depth, stored) : this.#branch(trie, depth, stored)
    if (this.difference !== undefined || (computed !== undefined && equalBytes(computed, stored)))
      return computed
    this.difference = {
      what: isLeaf(stored)
        ? `${toHex(leafKeyOf(stored))} in ${trie.of}`
        : `a branch of ${trie.of} at depth ${depth}`,
      expected: toHex(stored),
      computed: computed === undefined ? 'nothing there' : toHex(computed),
    }
    return undefined
  }

  #leaf({ valueOf }: TrieWalk, depth: number, stored: Reference): Reference | undefined {
    const plain = leafKeyOf(stored)
    const value = valueOf(plain)
    this.#tell(1)
    return value && leafReference(plain, leafRlp(keccak256(plain), depth, value))
  }

  #branch(trie: TrieWalk, depth: number, stored: Reference): Reference {
    const { owner, path } = trie
    const extension = extensionOf(stored)
    extension.forEach((nibble, i) => setNibble(path, depth + i, nibble))
    const at = depth + extension.length
    const children = readBranch(trieReader(this.#tx), owner, path, at)
    const computed = emptyBranch()
    children.forEach((child, nibble) => {
      if (child === undefined) return
      setNibble(path, at, nibble)
      computed[nibble] = this.#node(trie, at + 1, child)
    })
    return branchReference(embed(branchRlp(computed)), extension)
  }
}

interface TrieWalk {
  readonly owner: Owner
  readonly of: string
  readonly valueOf: (plain: Uint8Array) => Uint8Array | undefined
  /** The nibbles that lead to where the walk is. */
  readonly path: Uint8Array
}

/** The first key of the flat state that the trie does not lead to. */
function missing(tx: ReadTx): Difference {
  for (const table of ['accounts', 'storage'] as const) {
    const keys = keysOf(tx, table)
    for (let key = keys.next(); key.done !== true; key = keys.next()) {
      const [owner, plain] =
        table === 'accounts'
          ? [ACCOUNTS, key.value]
          : [storageOwner(key.value.subarray(0, 20)), key.value.subarray(20)]
      if (leadsTo(tx, owner, plain)) continue
      const of = table === 'accounts' ? 'the accounts' : `the storage of ${toHex(owner.subarray(1))}`
      return { what: `${toHex(plain)} in ${of}`, expected: 'a leaf of the trie', computed: 'none' }
    }
  }
  return { what: 'the number of leaves', expected: 'as in the flat state', computed: 'another' }
}

/** Found again for each: what `visit` reads may move the cursor. */
function* keysOf(tx: ReadTx, table: 'accounts' | 'storage'): Generator<Uint8Array, void, undefined> {
  for (let row = tx.seek(table, new Uint8Array(1)); row !== undefined; ) {
    const key = row.key.slice()
    yield key
    const after = new Uint8Array(key.length + 1)
    after.set(key)
    row = tx.seek(table, after)
  }
}

function leadsTo(tx: ReadTx, owner: Owner, plain: Uint8Array): boolean {
  const key = keccak256(plain)
  let reference: Reference | undefined = tx.get('trie', rootKey(owner))?.slice()
  for (let depth = 0; reference !== undefined; depth++) {
    if (isLeaf(reference)) return equalBytes(leafKeyOf(reference), plain)
    const extension = extensionOf(reference)
    const at = depth + extension.length
    const path = key.slice()
    extension.forEach((nibble, i) => setNibble(path, depth + i, nibble))
    if (!equalBytes(path, key)) return false
    reference = readBranch(trieReader(tx), owner, key, at)[nibbleAt(key, at)]
    depth = at
  }
  return false
}
