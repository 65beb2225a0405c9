/**
 * Proofs of the state after any block within the horizon. A reference at block B is what the first block above B found when it changed it,
 * or, where none did, what the rows say.
 */
import type { Address, Hash32 } from '#chain/block-ref.ts'
import type { StateView } from '#chain/state-view.ts'
import { prove, type TrieAt } from '#chain/trie/proof.ts'
import { type Branch, decodeBranch, emptyBranch, type Reference } from '#chain/trie/reference.ts'
import { ACCOUNTS, childKey, type Owner, pathKey, rootKey, storageOwner } from '#chain/trie/rows.ts'
import { accountLeaf, slotLeaf } from '#chain/trie/state-trie.ts'
import { rootHash } from '#chain/trie/update.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { toHex } from '#kernel/bytes.ts'
import type { ReadTx } from '#ports/key-value.ts'
import { historyKey, valueBefore, type Widening } from '#state/stretches.ts'

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

/** @param view the state after the place's block */
export function proofsAt(tx: Reads, place: Place, view: StateView): StateProofs {
  const storageRoot = (address: Address): Uint8Array => rootHash(rootAt(tx, storageOwner(address), place))
  // Proofs of one trie share their first nodes.
  const known = new Map<string, Branch>()
  const branchOf = (owner: Owner, path: Uint8Array, depth: number): Branch => {
    const text = toHex(pathKey(owner, path, depth))
    const branch = known.get(text) ?? branchAt(tx, owner, path, depth, place)
    known.set(text, branch)
    return branch
  }
  const accounts: TrieAt = {
    root: () => rootAt(tx, ACCOUNTS, place),
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
        root: () => rootAt(tx, owner, place),
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

function rootAt(tx: Reads, owner: Owner, place: Place): Reference | undefined {
  const before = historyAt(tx, pathKey(owner, new Uint8Array(0), 0), place)
  return before === undefined ? tx.get('trie', rootKey(owner))?.slice() : present(before)
}

function branchAt(tx: Reads, owner: Owner, path: Uint8Array, depth: number, place: Place): Branch {
  const row = tx.get('trie', pathKey(owner, path, depth))
  const branch = row === undefined ? emptyBranch() : decodeBranch(row.slice())
  if (place.number === place.head) return branch
  return branch.map((latest, nibble) => {
    const before = historyAt(tx, childKey(owner, path, depth, nibble), place)
    return before === undefined ? latest : present(before)
  })
}

/** What the first block above the place's found there; undefined where none changed it. A copy. */
function historyAt(tx: Reads, position: Uint8Array, place: Place): Uint8Array | undefined {
  if (place.number === place.head) return undefined
  return valueBefore(tx, 'trieHistory', historyKey(position, place.number + 1), place)?.slice()
}

function present(before: Uint8Array): Reference | undefined {
  return before.length === 0 ? undefined : before
}
