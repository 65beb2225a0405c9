/**
 * The state trie under many blocks at once. Nobody will read a state between two of them, and the last one's root proves the state that is left;
 * what a wrong delta said and a later one wrote over is nowhere any more. So the trie is changed once, by the last value of each key, in memory;
 * its root is compared with the last header's before anything is written, and it is written with the state.
 */
import type { Delta } from '#chain/delta/delta.ts'
import { ACCOUNT_BYTES, Lookup, type StateView } from '#chain/state-view.ts'
import type { TrieRows } from '#chain/trie/rows.ts'
import { updateStateTrie } from '#chain/trie/state-trie.ts'
import { compareBytes, concatBytes } from '#kernel/bytes.ts'
import type { KeyValue, ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import { latestState } from '#state/flat-state.ts'
import type { LatestValue } from '#state/bulk/latest-values.ts'
import { decodeAccount, decodeSlot } from '#state/rows/rows.ts'
import { buildTrie } from './build.ts'

/** Of one transaction: LMDB's list of dirty pages is bounded. */
const ROWS_MAX = 20_000

/** The last value of each key, as stored; nothing of a storage that was wiped. */
export interface Latest {
  readonly accounts: readonly LatestValue[]
  readonly slots: readonly LatestValue[]
  /** Whose storage was wiped: before any of the slots above. */
  readonly cleared: readonly Uint8Array[]
}

interface StagedRow {
  readonly key: Uint8Array
  /** Undefined where the row goes. */
  readonly row: Uint8Array | undefined
}

export interface StagedTrie {
  readonly root: Uint8Array
  readonly rows: readonly StagedRow[]
}

/** The trie after `latest`; the store is at the state before, and stays there. */
export function stageTrie(kv: KeyValue, latest: Latest): StagedTrie {
  const tx = kv.read()
  try {
    const staged = new Map<string, StagedRow>()
    const root = updateStateTrie(rowsOver(tx, staged), deltaOf(latest), viewAfter(latest, latestState(tx, 0)))
    return { root, rows: [...staged.values()].sort((a, b) => compareBytes(a.key, b.key)) }
  } finally {
    tx.release()
  }
}

function rowsOver(tx: ReadTx, staged: Map<string, StagedRow>): TrieRows {
  return {
    get(key) {
      const row = staged.get(textOf(key))
      return row === undefined ? tx.get('trie', key) : row.row
    },
    put: (key, row) => void staged.set(textOf(key), { key, row: row.slice() }),
    remove: (key) => void staged.set(textOf(key), { key, row: undefined }),
  }
}

/** A name of bytes for a map: shorter to make than digits. */
function textOf(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[])
}

/** What leaves hold that are there afterwards: nobody asks for others. */
function viewAfter({ accounts, slots }: Latest, before: StateView): Pick<StateView, 'account' | 'slot'> {
  const valuesOf = (latest: readonly LatestValue[]): Map<string, Uint8Array> =>
    new Map(latest.map(({ key, value }) => [textOf(key), value]))
  const [ofAccounts, ofSlots] = [valuesOf(accounts), valuesOf(slots)]
  return {
    account(address, out) {
      const value = ofAccounts.get(textOf(address))
      if (value === undefined) return before.account(address, out)
      if (value.length === 0) return Lookup.absent
      decodeAccount(value, out)
      return Lookup.found
    },
    slot(address, slot, out) {
      const value = ofSlots.get(textOf(address) + textOf(slot))
      if (value === undefined) return before.slot(address, slot, out)
      decodeSlot(value, out)
      return value.length === 0 ? Lookup.absent : Lookup.found
    },
  }
}

export function writeStaged(kv: KeyValue, { rows }: StagedTrie): void {
  for (let from = 0; from < rows.length; from += ROWS_MAX)
    kv.write((tx) => {
      for (const { key, row } of rows.slice(from, from + ROWS_MAX)) {
        if (row === undefined) tx.remove('trie', key)
        else tx.put('trie', key, row)
      }
    })
}

/** All of the trie anew, from the flat state; the root, 32 bytes. */
export function rebuildTrie(kv: KeyValue): Uint8Array {
  while (kv.write(removeSome) === ROWS_MAX);
  return buildTrie(kv)
}

function removeSome(tx: WriteTx): number {
  const keys: Uint8Array[] = []
  for (let row = tx.seek('trie', new Uint8Array(1)); row && keys.length < ROWS_MAX; row = tx.next('trie'))
    keys.push(row.key.slice())
  for (const key of keys) tx.remove('trie', key)
  return keys.length
}

function deltaOf({ accounts, slots, cleared }: Latest): Delta {
  return {
    accounts: accountColumns(accounts.toSorted((a, b) => compareBytes(a.key, b.key))),
    slots: slotColumns(slots.toSorted((a, b) => compareBytes(a.key, b.key))),
    cleared: concatBytes(...cleared),
    codes: [],
  }
}

function accountColumns(latest: readonly LatestValue[]): Delta['accounts'] {
  const count = latest.length
  const columns = {
    count,
    addresses: new Uint8Array(20 * count),
    exists: new Uint8Array(count),
    nonces: new Uint8Array(8 * count),
    balances: new Uint8Array(32 * count),
    codeHashes: new Uint8Array(32 * count),
  }
  const account = new Uint8Array(ACCOUNT_BYTES)
  latest.forEach(({ key, value }, i) => {
    columns.addresses.set(key, 20 * i)
    if (value.length === 0) return
    decodeAccount(value, account)
    columns.exists[i] = 1
    columns.nonces.set(account.subarray(0, 8), 8 * i)
    columns.balances.set(account.subarray(8, 40), 32 * i)
    columns.codeHashes.set(account.subarray(40, 72), 32 * i)
  })
  return columns
}

function slotColumns(latest: readonly LatestValue[]): Delta['slots'] {
  const count = latest.length
  const [addresses, keys, values] = [20, 32, 32].map((bytes) => new Uint8Array(bytes * count)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  latest.forEach(({ key, value }, i) => {
    addresses.set(key.subarray(0, 20), 20 * i)
    keys.set(key.subarray(20), 32 * i)
    decodeSlot(value, values.subarray(32 * i, 32 * i + 32))
  })
  return { count, addresses, keys, values }
}
