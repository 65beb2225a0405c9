/** `size` of a block as eth_getBlock tells it: the bytes of the block's RLP, counted without building it. */
import type { Block, Withdrawal } from '#chain/block/frame.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'

/** First byte of an RLP list, and so of a legacy transaction. */
const LIST = 0xc0

export type Sized = Pick<Block, 'header' | 'ommers' | 'withdrawals'> & {
  /** Canonical bytes. */
  readonly transactions: readonly Uint8Array[]
}

/** `[header, transactions, ommers, withdrawals?]` (Yellow Paper §4.3, EIP-4895). */
export function blockSize(block: Sized): number {
  let content = block.header.rlp.length
  // A typed transaction stands in the list as a byte string, a legacy one as the list that it is (EIP-2718).
  content += listLength(
    block.transactions.map((raw) => ((raw[0] as number) >= LIST ? raw.length : withPrefix(raw.length))),
  )
  content += listLength(block.ommers.map(({ rlp }) => rlp.length))
  if (block.withdrawals !== undefined) content += listLength(block.withdrawals.map(withdrawalLength))
  return withPrefix(content)
}

function withdrawalLength({ index, validatorIndex, address, amount }: Withdrawal): number {
  return encodeRlp([rlpOf(index), rlpOf(validatorIndex), address, rlpOf(amount)]).length
}

function listLength(items: readonly number[]): number {
  return withPrefix(items.reduce((sum, length) => sum + length, 0))
}

/** A content of more than one byte with its prefix, which has as many bytes more as a content over 55 bytes needs for its length. */
function withPrefix(length: number): number {
  if (length <= 55) return 1 + length
  return 1 + Math.ceil((32 - Math.clz32(length)) / 8) + length
}
