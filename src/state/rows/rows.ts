/** Keys and values of the state tables, and the names of keys in history: a tag and the key itself. */
import { ACCOUNT_BYTES, EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { equalBytes, fromHex } from '#kernel/bytes.ts'

/** A key that history follows is `tag ‖ address` or `tag ‖ address ‖ slot`; the same bytes stand in `changes` and in `history`. */
export const Tag = { account: 1, slot: 2 } as const
export const ACCOUNT_KEY_BYTES = 21
export const SLOT_KEY_BYTES = 53

export const ACCOUNT_VALUE_BYTES_MAX = 73
const EMPTY_CODE = fromHex(EMPTY_CODE_HASH)
const CONTRACT = 0x80

/** The table of the latest value of a tagged key. */
export function tableOf(tagged: Uint8Array): 'accounts' | 'storage' {
  return tagged[0] === Tag.account ? 'accounts' : 'storage'
}

/** `flags 1 ‖ nonce ‖ [code hash 32] ‖ balance`, integers without leading zeros; flags: contract bit, bytes of the nonce. */
export function encodeAccount(nonce: Uint8Array, balance: Uint8Array, codeHash: Uint8Array): Uint8Array {
  const nonceFrom = leadingZeros(nonce)
  const balanceFrom = leadingZeros(balance)
  const isContract = !equalBytes(codeHash, EMPTY_CODE)
  const nonceEnd = 1 + 8 - nonceFrom
  const codeEnd = nonceEnd + (isContract ? 32 : 0)
  const out = new Uint8Array(codeEnd + 32 - balanceFrom)
  out[0] = (isContract ? CONTRACT : 0) | (8 - nonceFrom)
  copy(nonce, nonceFrom, 8, out, nonceEnd)
  if (isContract) copy(codeHash, 0, 32, out, codeEnd)
  copy(balance, balanceFrom, 32, out, out.length)
  return out
}

/** Writes the {@link ACCOUNT_BYTES} of a stored account to `out`. */
export function decodeAccount(row: Uint8Array, out: Uint8Array): void {
  assert(row.length > 0 && row.length <= ACCOUNT_VALUE_BYTES_MAX, 'a stored account has its layout')
  const flags = row[0] as number
  const nonceEnd = 1 + (flags & 15)
  const codeEnd = nonceEnd + (flags & CONTRACT ? 32 : 0)
  out.fill(0, 0, 40)
  copy(row, 1, nonceEnd, out, 8)
  if (flags & CONTRACT) copy(row, nonceEnd, codeEnd, out, ACCOUNT_BYTES)
  else out.set(EMPTY_CODE, 40)
  copy(row, codeEnd, row.length, out, 40)
}

/** A slot's value without leading zeros; empty where it is zero. */
export function encodeSlot(value: Uint8Array): Uint8Array {
  return value.subarray(leadingZeros(value))
}

/** Writes 32 bytes to `out`. */
export function decodeSlot(row: Uint8Array, out: Uint8Array): void {
  out.fill(0, 0, 32 - row.length)
  copy(row, 0, row.length, out, 32)
}

/** Copies `row[from, to)` so that it ends before `end` of `out`. A loop: rows are short, and a subarray costs more. */
function copy(row: Uint8Array, from: number, to: number, out: Uint8Array, end: number): void {
  for (let i = from, at = end - (to - from); i < to; i++, at++) out[at] = row[i] as number
}

function leadingZeros(bytes: Uint8Array): number {
  let zeros = 0
  while (zeros < bytes.length && bytes[zeros] === 0) zeros++
  return zeros
}
