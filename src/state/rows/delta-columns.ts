/** The rows of a delta's columns. Loops, and no views of the columns: they are short, and there are thousands in a block. */
import type { AccountColumns, SlotColumns } from '#chain/delta/delta.ts'
import { encodeAccount, encodeSlot } from './rows.ts'

const ABSENT = new Uint8Array()

/** Writes the 20 bytes of account `i` to `out`. */
export function fillAddress(out: Uint8Array, { addresses }: AccountColumns, i: number): void {
  for (let k = 0, at = 20 * i; k < 20; k++, at++) out[k] = addresses[at] as number
}

/** Writes the 52 bytes of slot `i`, address and slot, to `out`. */
export function fillSlotKey(out: Uint8Array, { addresses, keys }: SlotColumns, i: number): void {
  for (let k = 0, at = 20 * i; k < 20; k++, at++) out[k] = addresses[at] as number
  for (let k = 20, at = 32 * i; k < 52; k++, at++) out[k] = keys[at] as number
}

/** As stored; empty where the account does not exist. */
export function accountRow({ exists, nonces, balances, codeHashes }: AccountColumns, i: number): Uint8Array {
  if (exists[i] === 0) return ABSENT
  return encodeAccount(
    nonces.subarray(8 * i, 8 * i + 8),
    balances.subarray(32 * i, 32 * i + 32),
    codeHashes.subarray(32 * i, 32 * i + 32),
  )
}

/** As stored; empty where the slot is zero. */
export function slotRow({ values }: SlotColumns, i: number): Uint8Array {
  return encodeSlot(values.subarray(32 * i, 32 * i + 32))
}
