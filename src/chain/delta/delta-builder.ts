/** Deltas in their canonical form: built from changes in any order, and checked when they come from outside. */
import { assert } from '#kernel/assert.ts'
import { bigintTo, compareBytes, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Address } from '#chain/block/block-ref.ts'
import { codeHashProblem, deltaProblem } from './delta-check.ts'
import type { AccountChange, AccountColumns, Code, Delta, SlotChange, SlotColumns } from './delta.ts'

export interface DeltaParts {
  readonly accounts: readonly AccountChange[]
  readonly slots: readonly SlotChange[]
  readonly cleared: readonly Address[]
  readonly codes: readonly Code[]
}

/** Sorts by unsigned bytes. Keys must be distinct; a code may be given for each account that has it. */
export function makeDelta(parts: DeltaParts): Delta {
  const byAddress = (a: { address: Address }, b: { address: Address }): number =>
    compareBytes(a.address, b.address)
  const codes = parts.codes.toSorted((a, b) => compareBytes(a.hash, b.hash))
  const delta: Delta = {
    accounts: accountColumns(parts.accounts.toSorted(byAddress)),
    slots: slotColumns(parts.slots.toSorted((a, b) => byAddress(a, b) || compareBytes(a.key, b.key))),
    cleared: column(parts.cleared.toSorted(compareBytes), 20),
    codes: codes.filter((code, i) => i === 0 || compareBytes(code.hash, (codes[i - 1] as Code).hash) !== 0),
  }
  const problem = deltaProblem(delta)
  assert(problem === undefined, `a delta is built from distinct, whole changes: ${problem}`)
  return delta
}

/** For a delta from outside. @throws Fault chain/delta where it is not canonical, or a code is not what its hash says */
export function checkDelta(delta: Delta): void {
  const problem = deltaProblem(delta) ?? codeHashProblem(delta)
  if (problem !== undefined) throw new Fault('chain/delta', `a delta is not canonical: ${problem}`)
}

/** Account `i` of a delta. The arrays are views. */
export function accountAt({ accounts }: Delta, i: number): AccountChange & { readonly address: Address } {
  const address = row(accounts.addresses, i, 20)
  if (accounts.exists[i] !== 1) return { address, after: undefined }
  const nonce = new DataView(accounts.nonces.buffer, accounts.nonces.byteOffset + 8 * i, 8).getBigUint64(0)
  return {
    address,
    after: {
      nonce,
      balance: BigInt(toHex(row(accounts.balances, i, 32))),
      codeHash: row(accounts.codeHashes, i, 32),
    },
  }
}

/** Slot `i` of a delta. The arrays are views. */
export function slotAt({ slots }: Delta, i: number): SlotChange {
  return {
    address: row(slots.addresses, i, 20),
    key: row(slots.keys, i, 32),
    value: row(slots.values, i, 32),
  }
}

function accountColumns(changes: readonly AccountChange[]): AccountColumns {
  const none = new Uint8Array(32)
  return {
    count: changes.length,
    addresses: column(
      changes.map(({ address }) => address),
      20,
    ),
    exists: Uint8Array.from(changes, ({ after }) => (after === undefined ? 0 : 1)),
    nonces: column(
      changes.map(({ after }) => bigintTo(after?.nonce ?? 0n, 8)),
      8,
    ),
    balances: column(
      changes.map(({ after }) => bigintTo(after?.balance ?? 0n, 32)),
      32,
    ),
    codeHashes: column(
      changes.map(({ after }) => after?.codeHash ?? none),
      32,
    ),
  }
}

function slotColumns(changes: readonly SlotChange[]): SlotColumns {
  return {
    count: changes.length,
    addresses: column(
      changes.map(({ address }) => address),
      20,
    ),
    keys: column(
      changes.map(({ key }) => key),
      32,
    ),
    values: column(
      changes.map(({ value }) => value),
      32,
    ),
  }
}

function column(rows: readonly Uint8Array[], width: number): Uint8Array {
  const out = new Uint8Array(rows.length * width)
  for (const [i, bytes] of rows.entries()) {
    assert(bytes.length === width, `a row of this column is ${width} bytes`)
    out.set(bytes, i * width)
  }
  return out
}

function row(bytes: Uint8Array, i: number, width: number): Uint8Array {
  return bytes.subarray(i * width, (i + 1) * width)
}
