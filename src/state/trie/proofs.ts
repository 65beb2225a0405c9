/**
 * Proofs of the state after any block within the horizon. A reference at block B is what the first block above B found when it changed it,
 * or, where none did, what the rows say. Of old blocks in a long history that is in `trieHistory`, else in the blocks' layers.
 */
import type { Address, Hash32 } from '#chain/block/block-ref.ts'
import type { StateView } from '#chain/state-view.ts'
import { prove, type TrieAt } from '#chain/trie/proof.ts'
import { decodeBranch, encodeBranch } from '#chain/trie/branch-row.ts'
import { type Branch, emptyBranch, type Reference } from '#chain/trie/reference.ts'
import {
  ACCOUNTS,
  branchKey,
  isRootKey,
  type Owner,
  positionOf,
  rootKey,
  storageOwner,
  type TrieReader,
} from '#chain/trie/rows.ts'
import { accountLeaf, slotLeaf } from '#chain/trie/state-trie.ts'
import { readBranch, rootHash, trieRootOf } from '#chain/trie/update.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { toHex } from '#kernel/bytes.ts'
import type { ReadTx } from '#ports/storage/key-value.ts'
import { historyKey, valueBefore, type Widening } from '#state/bulk/stretches.ts'
import { KEYED_LEVEL, trieReader } from './block-trie.ts'
import { findEntry, referencesOf, WHOLE } from './layers.ts'

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
    const text = toHex(branchKey(owner, path, depth))
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
      const row = tx.get('trie', key)
      if (isRootKey(key)) {
        const [root] = referencesAt(tx, key, { latest: [row?.slice()], place })
        return root
      }
      const latest = row === undefined ? emptyBranch() : decodeBranch(row)
      const branch = referencesAt(tx, key, { latest, place })
      return branch.every((child) => child === undefined) ? undefined : encodeBranch(branch)
    },
  }
}

/** Each reference is what the first block above the place's found there; what none changed is the latest. */
function referencesAt(
  tx: Reads,
  key: Uint8Array,
  { latest, place }: { readonly latest: (Reference | undefined)[]; readonly place: Place },
): (Reference | undefined)[] {
  const found = latest.slice()
  let open = 2 ** latest.length - 1
  const settle = (nibble: number, before: Uint8Array | undefined): void => {
    found[nibble] = before === undefined || before.length === 0 ? undefined : before
    open &= ~(1 << nibble)
  }
  const { keyed } = place.widening
  for (let nibble = 0; place.number + 1 < keyed && nibble < latest.length; nibble++) {
    const probe = historyKey(positionOf(key, nibble), place.number + 1)
    const before = valueBefore(tx, 'trieHistory', probe, { ...place, head: Math.min(place.head, keyed - 1) })
    if (before !== undefined) settle(nibble, before.slice())
  }
  for (let block = Math.max(place.number + 1, keyed); open !== 0 && block <= place.head; block++) {
    const change = findEntry(tx, block, key)
    if (change === undefined) continue
    for (const [nibble, before] of referencesOf(change.entry)) {
      if ((open & (1 << nibble)) === 0) continue
      settle(nibble, change.kind === WHOLE ? before : keyedBefore(tx, positionOf(key, nibble), block))
    }
  }
  return found
}

/** Of a block whose references have moved, but not yet those of all blocks below it. */
function keyedBefore(tx: Reads, position: Uint8Array, block: number): Uint8Array {
  const before = tx.get('trieHistory', historyKey(position, block, KEYED_LEVEL))
  assert(before !== undefined, 'a reference that has moved has its row')
  return before.slice()
}
