/** The tries of a state: a block's delta into the storage tries of the accounts that it changed, then into the accounts' own. */
import { keccak256 } from '#core/keccak.ts'
import type { Address } from '#chain/block/block-ref.ts'
import { accountAt, slotAt } from '#chain/delta/delta-builder.ts'
import type { Delta } from '#chain/delta/delta.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { ACCOUNT_BYTES, Lookup, type StateView } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes, fromHex, toHex, trimZeros } from '#kernel/bytes.ts'
import { ACCOUNTS, storageOwner, type TrieReader, type TrieRows } from './rows.ts'
import { BranchRows, type LeafChange, removeTrie, trieRootOf, type Tries, updateTrie } from './update.ts'

/**
 * Brings the tries from the state before a delta to the state after it; the new state root, 32 bytes.
 * @param after the state after the delta: leaves that move but do not change are read there
 */
export function updateStateTrie(
  rows: TrieRows,
  delta: Delta,
  after: Pick<StateView, 'account' | 'slot'>,
): Uint8Array {
  const tries = { rows, branches: new BranchRows() }
  const roots = updateStorage(tries, delta, after)
  const storageRoot = (address: Address): Uint8Array =>
    roots.get(toHex(address)) ?? trieRootOf(rows, storageOwner(address))
  const valueOf = (address: Address): Uint8Array => {
    const value = accountLeaf(after, address, storageRoot)
    assert(value !== undefined, 'a leaf of the accounts has its account')
    return value
  }
  const changes: LeafChange[] = []
  const listed = new Set<string>()
  for (let i = 0; i < delta.accounts.count; i++) {
    const { address, after: account } = accountAt(delta, i)
    listed.add(toHex(address))
    if (account === undefined) removeTrie(rows, storageOwner(address))
    const value = account && encodeAccountLeaf(delta.accounts, i, storageRoot(address))
    changes.push({ key: keccak256(address), plain: address, value })
  }
  for (const text of roots.keys()) {
    if (listed.has(text)) continue
    const address = fromHex(text)
    changes.push({ key: keccak256(address), plain: address, value: accountLeaf(after, address, storageRoot) })
  }
  return updateTrie(ACCOUNTS, { changes: sorted(changes), valueOf }, tries)
}

/** What the accounts' trie holds of an account: RLP of nonce, balance, storage root, code hash; undefined where there is none. */
export function accountLeaf(
  state: Pick<StateView, 'account'>,
  address: Address,
  storageRoot: (address: Address) => Uint8Array,
): Uint8Array | undefined {
  const record = new Uint8Array(ACCOUNT_BYTES)
  if (state.account(address, record) !== Lookup.found) return undefined
  return encodeRlp([
    trimZeros(record.subarray(0, 8)),
    trimZeros(record.subarray(8, 40)),
    storageRoot(address),
    record.subarray(40, 72),
  ])
}

/** What a storage trie holds of a slot; undefined where it is zero. */
export function slotLeaf(value: Uint8Array): Uint8Array | undefined {
  const trimmed = trimZeros(value)
  return trimmed.length === 0 ? undefined : encodeRlp(trimmed)
}

function encodeAccountLeaf(accounts: Delta['accounts'], i: number, storageRoot: Uint8Array): Uint8Array {
  return encodeRlp([
    trimZeros(accounts.nonces.subarray(8 * i, 8 * i + 8)),
    trimZeros(accounts.balances.subarray(32 * i, 32 * i + 32)),
    storageRoot,
    accounts.codeHashes.subarray(32 * i, 32 * i + 32),
  ])
}

/** The new storage roots, by address, of all accounts whose storage may have changed. */
function updateStorage(
  { rows, branches }: Tries,
  delta: Delta,
  after: Pick<StateView, 'slot'>,
): Map<string, Uint8Array> {
  const roots = new Map<string, Uint8Array>()
  for (let at = 0; at < delta.cleared.length; at += 20) {
    const address = delta.cleared.slice(at, at + 20)
    removeTrie(rows, storageOwner(address))
    roots.set(toHex(address), trieRootOf(rows, storageOwner(address)))
  }
  const { count, addresses } = delta.slots
  for (let from = 0; from < count; ) {
    const address = addresses.subarray(20 * from, 20 * from + 20)
    const changes: LeafChange[] = []
    let to = from
    for (; to < count && compareBytes(addresses.subarray(20 * to, 20 * to + 20), address) === 0; to++) {
      const { key, value } = slotAt(delta, to)
      changes.push({ key: keccak256(key), plain: key, value: slotLeaf(value) })
    }
    const valueOf = (slot: Uint8Array): Uint8Array => {
      const word = new Uint8Array(32)
      after.slot(address, slot, word)
      const value = slotLeaf(word)
      assert(value !== undefined, 'a leaf of a storage has its slot')
      return value
    }
    const owner = storageOwner(address)
    roots.set(toHex(address), updateTrie(owner, { changes: sorted(changes), valueOf }, { rows, branches }))
    from = to
  }
  return roots
}

function sorted(changes: LeafChange[]): LeafChange[] {
  return changes.sort((a, b) => compareBytes(a.key, b.key))
}

/** Rows above others that stay as they are: for roots that are asked for before, or without, anything being kept. */
export function stagedRows(base: TrieReader): TrieRows {
  const staged = new Map<string, Uint8Array | undefined>()
  return {
    get(key) {
      const text = toHex(key)
      return staged.has(text) ? staged.get(text) : base.get(key)
    },
    put: (key, row) => void staged.set(toHex(key), row.slice()),
    remove: (key) => void staged.set(toHex(key), undefined),
  }
}

export const NO_ROWS: TrieReader = { get: () => undefined }
