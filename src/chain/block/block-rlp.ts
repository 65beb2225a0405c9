/** Whole blocks as RLP: [header, transactions, ommers, withdrawals?], as eth/68 and chain files carry them. */
import { Fault } from '#kernel/fault.ts'
import type { Block, Withdrawal } from './frame.ts'
import { headerFromRlp } from '#chain/header/header-rlp.ts'
import { withdrawalRlp } from './roots.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { rlpBigint, rlpFixed, rlpList } from '#chain/codec/rlp-fields.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import { decodeTransaction } from '#chain/transaction/transaction-rlp.ts'

/** A block whose senders nobody has recovered yet. */
export type SenderlessBlock = Omit<Block, 'senders'>

/** @throws Fault chain/rlp, chain/malformed */
export function blockFromRlp(item: RlpItem): SenderlessBlock {
  const [header, transactions, ommers, withdrawals, ...rest] = rlpList(item, 'a block')
  if (rest.length > 0) throw new Fault('chain/malformed', 'a block has at most four parts')
  return {
    header: headerFromRlp(encodeRlp(rlpList(header, 'a header'))),
    transactions: rlpList(transactions, 'transactions').map(transactionFromItem),
    ommers: rlpList(ommers, 'ommers').map((ommer) => headerFromRlp(encodeRlp(ommer))),
    ...(withdrawals && { withdrawals: rlpList(withdrawals, 'withdrawals').map(withdrawalFromItem) }),
  }
}

/** In a block a transaction of type 0 is a list, one with a type is bytes: each has one form only. */
function transactionFromItem(item: RlpItem): Transaction {
  if (!(item instanceof Uint8Array)) return decodeTransaction(encodeRlp(item))
  const transaction = decodeTransaction(item)
  if (transaction.type === 0)
    throw new Fault('chain/malformed', 'a transaction of type 0 is wrapped in bytes')
  return transaction
}

function withdrawalFromItem(item: RlpItem): Withdrawal {
  const list = rlpList(item, 'a withdrawal')
  if (list.length !== 4) throw new Fault('chain/malformed', 'a withdrawal has four fields')
  return {
    index: rlpBigint(list[0], 'index', 8),
    validatorIndex: rlpBigint(list[1], 'validatorIndex', 8),
    address: rlpFixed(list[2], 20, 'address'),
    amount: rlpBigint(list[3], 'amount', 8),
  }
}

export function encodeBlock(block: SenderlessBlock): Uint8Array {
  const transactions = block.transactions.map(({ type, raw }): RlpItem => (type === 0 ? decodeRlp(raw) : raw))
  const parts: RlpItem[] = [
    decodeRlp(block.header.rlp),
    transactions,
    block.ommers.map(({ rlp }) => decodeRlp(rlp)),
  ]
  if (block.withdrawals !== undefined) parts.push(block.withdrawals.map(withdrawalRlp))
  return encodeRlp(parts)
}

/** Bytes of the block's RLP: what eth_getBlock calls `size`. */
export function blockSize({ header, transactions, ommers, withdrawals }: SenderlessBlock): number {
  const list = (length: number): number =>
    length + (length < 56 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : length < 0x1000000 ? 4 : 5)
  const text = ({ length }: Uint8Array): number => list(length)
  const sum = (lengths: readonly number[]): number => lengths.reduce((total, length) => total + length, 0)
  const body = sum(transactions.map(({ type, raw }) => (type === 0 ? raw.length : text(raw))))
  const credits =
    withdrawals === undefined ? 0 : list(sum(withdrawals.map((w) => encodeRlp(withdrawalRlp(w)).length)))
  return list(header.rlp.length + list(body) + list(sum(ommers.map(({ rlp }) => rlp.length))) + credits)
}
