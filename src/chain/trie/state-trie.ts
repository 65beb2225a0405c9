/** The tries of a state: a block's delta into the storage tries of the accounts that it changed, then into the accounts' own. */
import { keccak256 } from '#core/keccak.ts'
import type { Address } from '#chain/block-ref.ts'
import { accountAt, slotAt } from '#chain/delta-builder.ts'
import type { Delta } from '#chain/delta.ts'
import { encodeRlp } from '#chain/rlp.ts'
import { ACCOUNT_BYTES, Lookup, type StateView } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes, fromHex, toHex, trimZeros } from '#kernel/bytes.ts'
import { ACCOUNTS, storageOwner, type TrieReader, type TrieRows } from './rows.ts'
import { type LeafChange, removeTrie, trieRootOf, updateTrie } from './update.ts'

/**
 * Brings the tries from the state before a delta to the state after it; the new state root, 32 bytes.
 * @param after the state after the delta: leaves that move but do not change are read there
 */
export function updateStateTrie(
  rows: TrieRows,
  delta: Delta,
  after: Pick<StateView, 'account' | 'slot'>,
): Uint8Array {
  const roots = updateStorage(rows, delta, after)
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
  return updateTrie(rows, ACCOUNTS, sorted(changes), valueOf)
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
  rows: TrieRows,
  delta: Delta,
  after: Pick<StateView, 'slot'>,
): Map<string, Uint8Array> {
  const roots = new Map<string, Uint8Array>()
  const cleared = new Map<string, TrieRows>()
  for (let at = 0; at < delta.cleared.length; at += 20) {
    const address = delta.cleared.slice(at, at + 20)
    const once = noticingOnce(rows)
    removeTrie(once, storageOwner(address))
    cleared.set(toHex(address), once)
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
    const text = toHex(address)
    roots.set(text, updateTrie(cleared.get(text) ?? rows, storageOwner(address), sorted(changes), valueOf))
    from = to
  }
  return roots
}

function sorted(changes: LeafChange[]): LeafChange[] {
  return changes.sort((a, b) => compareBytes(a.key, b.key))
}

/** What a trie that is removed and made anew in one block had at each position is what it had first. */
function noticingOnce(rows: TrieRows): TrieRows {
  const noticed = new Set<string>()
  return {
    get: (key) => rows.get(key),
    put: (key, row) => rows.put(key, row),
    remove: (key) => rows.remove(key),
    changed(position, before) {
      const text = toHex(position)
      if (noticed.has(text)) return
      noticed.add(text)
      rows.changed?.(position, before)
    },
  }
}

/** Rows above others that stay as they are: for roots that are asked for before, or without, anything being kept. */
export function stagedRows(base: TrieReader): TrieRows {
  const staged = new Map<string, Uint8Array | undefined>()
  return {
    get(key) {
      const text = toHex(key)
      return staged.has(text) ? staged.get(text) : base.get(key)
    },
    put: (key, row) => void staged.set(toHex(key), row),
    remove: (key) => void staged.set(toHex(key), undefined),
  }
}

export const NO_ROWS: TrieReader = { get: () => undefined }
