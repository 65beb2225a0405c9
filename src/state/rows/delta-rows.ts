/**
 * A delta into the tables of state, and back. Applying keeps the value before each change in history; undoing reads the values after
 * from the tables while it puts the values before in their place, which together are the delta that was applied.
 */
import type { Delta } from '#chain/delta/delta.ts'
import { ACCOUNT_BYTES } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes, concatBytes, equalBytes, toHex } from '#kernel/bytes.ts'
import type { ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import { ChangesWriter, Entry, isStateKey, readBefore, readChanges } from '#state/history/history.ts'
import { getParts, partKey, putParts } from '#state/parts.ts'
import { accountRow, fillAddress, fillSlotKey, slotRow } from './delta-columns.ts'
import { decodeAccount, decodeSlot, tableOf, Tag } from './rows.ts'

const ABSENT = new Uint8Array()

export function applyDelta(tx: WriteTx, delta: Delta, block: number): void {
  const changes = new ChangesWriter(tx, block)
  for (const { hash, code } of delta.codes) {
    changes.list(concatBytes(Uint8Array.of(Entry.code), hash))
    if (tx.get('code', partKey(hash, 0)) === undefined) putParts(tx, 'code', hash, code)
  }
  applyAccounts(tx, delta, changes)
  const cleared = clearStorage(tx, delta.cleared, changes)
  applySlots(tx, delta, changes, cleared)
  changes.end()
}

function applyAccounts(tx: WriteTx, { accounts }: Delta, changes: ChangesWriter): void {
  const tagged = new Uint8Array(21)
  tagged[0] = Tag.account
  const address = tagged.subarray(1)
  for (let i = 0; i < accounts.count; i++) {
    fillAddress(address, accounts, i)
    changes.changed(tagged, tx.get('accounts', address) ?? ABSENT)
    const value = accountRow(accounts, i)
    if (value.length === 0) tx.remove('accounts', address)
    else tx.put('accounts', address, value)
  }
}

/** Moves the whole storage of each address into history. Returns the keys that are there already, as hex. */
function clearStorage(tx: WriteTx, addresses: Uint8Array, changes: ChangesWriter): Set<string> {
  const moved = new Set<string>()
  for (let at = 0; at < addresses.length; at += 20) {
    const address = addresses.subarray(at, at + 20)
    changes.list(concatBytes(Uint8Array.of(Entry.cleared), address))
    for (const { key, value } of storageOf(tx, address)) {
      changes.changed(concatBytes(Uint8Array.of(Tag.slot), key), value)
      tx.remove('storage', key)
      moved.add(toHex(key))
    }
  }
  return moved
}

/** Collected before anything is written: a cursor and writes to its table do not mix. */
function storageOf(
  tx: Pick<ReadTx, 'seek' | 'next'>,
  address: Uint8Array,
): { key: Uint8Array; value: Uint8Array }[] {
  const rows: { key: Uint8Array; value: Uint8Array }[] = []
  let row = tx.seek('storage', address)
  while (row !== undefined && equalBytes(row.key.subarray(0, 20), address)) {
    rows.push({ key: row.key.slice(), value: row.value.slice() })
    row = tx.next('storage')
  }
  return rows
}

function applySlots(tx: WriteTx, { slots }: Delta, changes: ChangesWriter, moved: Set<string>): void {
  const tagged = new Uint8Array(53)
  tagged[0] = Tag.slot
  const key = tagged.subarray(1)
  for (let i = 0; i < slots.count; i++) {
    fillSlotKey(key, slots, i)
    if (moved.size === 0 || !moved.has(toHex(key))) changes.changed(tagged, tx.get('storage', key) ?? ABSENT)
    const value = slotRow(slots, i)
    if (value.length === 0) tx.remove('storage', key)
    else tx.put('storage', key, value)
  }
}

/** Puts the values before `block`, the head, back into the tables. Its changes and history stay: the caller removes them. */
export function undoDelta(tx: WriteTx, block: number): Delta {
  const entries = readChanges(tx, block)
  const keys = entries.filter(isStateKey).sort(compareBytes)
  const cleared = entries.filter((entry) => entry[0] === Entry.cleared).map((entry) => entry.subarray(1))
  const codes = entries
    .filter((entry) => entry[0] === Entry.code)
    .map((entry) => readCode(tx, entry.subarray(1)))
  const after = keys.map((tagged) => ({ tagged, value: restore(tx, tagged, block) }))
  const wiped = new Set(cleared.map((address) => toHex(address)))
  return {
    accounts: accountColumns(after.filter(({ tagged }) => tagged[0] === Tag.account)),
    // Of a cleared account the delta lists the slots that are not zero after the block, and no others.
    slots: slotColumns(
      after.filter(
        ({ tagged, value }) =>
          tagged[0] === Tag.slot && (value.length > 0 || !wiped.has(toHex(tagged, 1, 21))),
      ),
    ),
    cleared: concatBytes(...cleared),
    codes,
  }
}

interface KeyAfter {
  readonly tagged: Uint8Array
  /** As stored; empty where absent. */
  readonly value: Uint8Array
}

/** Writes the value before and returns the value after, a copy. */
function restore(tx: WriteTx, tagged: Uint8Array, block: number): Uint8Array {
  const table = tableOf(tagged)
  const key = tagged.subarray(1)
  const after = tx.get(table, key)?.slice() ?? ABSENT
  const before = readBefore(tx, tagged, block)
  if (before.length === 0) tx.remove(table, key)
  else tx.put(table, key, before)
  return after
}

function readCode(tx: WriteTx, hash: Uint8Array): Delta['codes'][number] {
  const code = getParts(tx, 'code', hash)
  assert(code !== undefined, 'code is never removed')
  return { hash, code }
}

function accountColumns(rows: readonly KeyAfter[]): Delta['accounts'] {
  const count = rows.length
  const addresses = concatBytes(...rows.map(({ tagged }) => tagged.subarray(1)))
  const exists = new Uint8Array(count)
  const nonces = new Uint8Array(8 * count)
  const balances = new Uint8Array(32 * count)
  const codeHashes = new Uint8Array(32 * count)
  const account = new Uint8Array(ACCOUNT_BYTES)
  rows.forEach(({ value }, i) => {
    if (value.length === 0) return
    decodeAccount(value, account)
    exists[i] = 1
    nonces.set(account.subarray(0, 8), 8 * i)
    balances.set(account.subarray(8, 40), 32 * i)
    codeHashes.set(account.subarray(40, 72), 32 * i)
  })
  return { count, addresses, exists, nonces, balances, codeHashes }
}

function slotColumns(rows: readonly KeyAfter[]): Delta['slots'] {
  const count = rows.length
  const addresses = concatBytes(...rows.map(({ tagged }) => tagged.subarray(1, 21)))
  const keys = concatBytes(...rows.map(({ tagged }) => tagged.subarray(21)))
  const values = new Uint8Array(32 * count)
  rows.forEach(({ value }, i) => decodeSlot(value, values.subarray(32 * i, 32 * i + 32)))
  return { count, addresses, keys, values }
}
