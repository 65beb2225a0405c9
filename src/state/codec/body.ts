/** A block's body as the store keeps it: senders, canonical transactions, ommers, withdrawals. Everything else is read from these. */
import type { Address } from '#chain/block/block-ref.ts'
import type { Block, Withdrawal } from '#chain/block/frame.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/** A body before its transactions and ommers are decoded. */
export interface Body {
  readonly senders: readonly Address[]
  /** Canonical bytes. */
  readonly transactions: readonly Uint8Array[]
  /** RLP. */
  readonly ommers: readonly Uint8Array[]
  readonly withdrawals?: readonly Withdrawal[]
}

/** Of what is not a transaction: in most blocks withdrawals. */
const FIRST_BYTES = 256

export function encodeBody(block: Block): Uint8Array {
  const out = new ByteWriter(block.transactions.reduce((sum, { raw }) => sum + 24 + raw.length, FIRST_BYTES))
  out.u32(block.transactions.length)
  for (const sender of block.senders) out.raw(sender)
  for (const transaction of block.transactions) out.sized(transaction.raw)
  out.u32(block.ommers.length)
  for (const ommer of block.ommers) out.sized(ommer.rlp)
  out.u8(block.withdrawals === undefined ? 0 : 1)
  if (block.withdrawals !== undefined) {
    out.u32(block.withdrawals.length)
    for (const withdrawal of block.withdrawals) writeWithdrawal(out, withdrawal)
  }
  return out.done()
}

export function decodeBody(bytes: Uint8Array): Body {
  const from = new ByteReader(bytes)
  const count = from.u32()
  const senders = times(count, () => from.raw(20))
  const transactions = times(count, () => from.sized())
  const ommers = times(from.u32(), () => from.sized())
  const body = { senders, transactions, ommers }
  if (from.u8() === 0) return body
  return { ...body, withdrawals: times(from.u32(), () => readWithdrawal(from)) }
}

function writeWithdrawal(out: ByteWriter, withdrawal: Withdrawal): void {
  out.u64(withdrawal.index)
  out.u64(withdrawal.validatorIndex)
  out.raw(withdrawal.address)
  out.u64(withdrawal.amount)
}

function readWithdrawal(from: ByteReader): Withdrawal {
  return { index: from.u64(), validatorIndex: from.u64(), address: from.raw(20), amount: from.u64() }
}

function times<T>(count: number, make: () => T): T[] {
  const out: T[] = []
  for (let i = 0; i < count; i++) out.push(make())
  return out
}
