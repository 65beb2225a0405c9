/**
 * Proofs of the state after any block within the horizon. A reference at block B is what the first block above B found when it changed it,
 * or, where none did, what the rows say.
 */
import type { Address, Hash32 } from '#chain/block-ref.ts'
import type { StateView } from '#chain/state-view.ts'
import { prove, type TrieAt } from '#chain/trie/proof.ts'
import {
  type Branch,
  decodeBranch,
  emptyBranch,
  encodeBranch,
  type Reference,
} from '#chain/trie/reference.ts'
import {
  ACCOUNTS,
  childKey,
  type Owner,
  partsOfKey,
  pathKey,
  ROOT,
  rootKey,
  storageOwner,
  type TrieReader,
} from '#chain/trie/rows.ts'
import { accountLeaf, slotLeaf } from '#chain/trie/state-trie.ts'
import { readBranch, rootHash, trieRootOf } from '#chain/trie/update.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { toHex } from '#kernel/bytes.ts'
import type { ReadTx } from '#ports/key-value.ts'
import { historyKey, valueBefore, type Widening } from '#state/stretches.ts'
import { trieReader } from './block-trie.ts'

export interface StateProofs {
  stateRoot(): Uint8Array
  /** RLP of the nodes from the root on: of the account, or as far as they show that there is none. */
  account(address: Address): Uint8Array[]
  /** Of the account's storage; of an empty trie where there is none. 32 bytes. */
  storageRoot(address: Address): Uint8Array
  slot(address: Address, slot: Hash32): Uint8Array[]
}

type Reads = Pick<ReadTx, 'get' | 'seek'>

interface Place {
  readonly number: number
  /** The last block of the tables. */
  readonly head: number
  readonly widening: Widening
}

/** @param rows of the trie after a block @param view the state after it */
export function proofsOf(rows: TrieReader, view: StateView): StateProofs {
  const storageRoot = (address: Address): Uint8Array => trieRootOf(rows, storageOwner(address))
  const rootOf = (owner: Owner): Reference | undefined => rows.get(rootKey(owner))?.slice()
  // Proofs of one trie share their first nodes.
  const known = new Map<string, Branch>()
  const branchOf = (owner: Owner, path: Uint8Array, depth: number): Branch => {
    const text = toHex(pathKey(owner, path, depth))
    const branch = known.get(text) ?? readBranch(rows, owner, path, depth)
    known.set(text, branch)
    return branch
  }
  const accounts: TrieAt = {
    root: () => rootOf(ACCOUNTS),
    branch: (path, depth) => branchOf(ACCOUNTS, path, depth),
    valueOf(address) {
      const value = accountLeaf(view, address, storageRoot)
      assert(value !== undefined, 'a leaf of the accounts has its account')
      return value
    },
  }
  return {
    stateRoot: () => rootHash(accounts.root()),
    account: (address) => prove(accounts, keccak256(address)),
    storageRoot,
    slot(address, slot) {
      const owner = storageOwner(address)
      const storage: TrieAt = {
        root: () => rootOf(owner),
        branch: (path, depth) => branchOf(owner, path, depth),
        valueOf(key) {
          const word = new Uint8Array(32)
          view.slot(address, key, word)
          const value = slotLeaf(word)
          assert(value !== undefined, 'a leaf of a storage has its slot')
          return value
        },
      }
      return prove(storage, keccak256(slot))
    },
  }
}

/** The rows as they were after the place's block. */
export function trieAt(tx: Reads, place: Place): TrieReader {
  if (place.number === place.head) return trieReader(tx)
  return {
    get(key) {
      const { owner, nibbles, path } = partsOfKey(key)
      if (nibbles === ROOT) return rootAt(tx, owner, place)
      const whole = new Uint8Array(32)
      whole.set(path)
      const branch = branchAt(tx, owner, whole, nibbles, place)
      return branch.every((child) => child === undefined) ? undefined : encodeBranch(branch)
    },
  }
}

function rootAt(tx: Reads, owner: Owner, place: Place): Reference | undefined {
  const before = historyAt(tx, pathKey(owner, new Uint8Array(0), 0), place)
  return before === undefined ? tx.get('trie', rootKey(owner))?.slice() : present(before)
}

function branchAt(tx: Reads, owner: Owner, path: Uint8Array, depth: number, place: Place): Branch {
  const row = tx.get('trie', pathKey(owner, path, depth))
  const branch = row === undefined ? emptyBranch() : decodeBranch(row.slice())
  return branch.map((latest, nibble) => {
    const before = historyAt(tx, childKey(owner, path, depth, nibble), place)
    return before === undefined ? latest : present(before)
  })
}

/** What the first block above the place's found there; undefined where none changed it. A copy. */
function historyAt(tx: Reads, position: Uint8Array, place: Place): Uint8Array | undefined {
  return valueBefore(tx, 'trieHistory', historyKey(position, place.number + 1), place)?.slice()
}

function present(before: Uint8Array): Reference | undefined {
  return before.length === 0 ? undefined : before
}
