/** debug_getRaw…: blocks, headers, receipts and transactions as the bytes that consensus knows them by. */
import { encodeBlock } from '#chain/block/block-rlp.ts'
import { encodeReceipt } from '#chain/transaction/receipt-rlp.ts'
import { fromHex, toHex } from '#kernel/bytes.ts'
import { failed, RpcFailure } from '#rpc/errors.ts'
import { type BlockPlace, blockPlace, hash32, readParams, required } from '#rpc/decode/params.ts'
import {
  type AnswerContext,
  findNumber,
  ForwardWanted,
  headerAt,
} from '#roles/replica/answer/answer-context.ts'
import type { Handlers } from '#roles/replica/answer/handler.ts'
import { rawTransaction } from './transaction.ts'

const PLACE = required<BlockPlace>(blockPlace)

export const rawMethods = {
  debug_getRawHeader: (params, context) => {
    const number = numberOf('header', context, ...readParams(params, PLACE))
    return number === undefined ? '0x' : toHex(headerAt(context, number).rlp)
  },
  debug_getRawBlock: (params, context) => {
    const number = numberOf('block', context, ...readParams(params, PLACE))
    const block = number === undefined ? undefined : context.snapshot.block(number)
    return block === undefined ? '0x' : toHex(encodeBlock(block))
  },
  debug_getRawReceipts: (params, context) => {
    const [place] = readParams(params, PLACE)
    const number = findHere(context, place)
    const receipts = number === undefined ? undefined : context.snapshot.receipts(number)
    // As geth: no block of this number has none, and one of this hash has an empty list of them.
    if (receipts === undefined) return place.kind === 'hash' ? [] : null
    return receipts.map((receipt) => toHex(encodeReceipt(receipt)))
  },
  debug_getRawTransaction: (params, context) =>
    rawTransaction(context, ...readParams(params, required(hash32))),
} satisfies Handlers

/** geth prints the bytes of a hash that it does not know as numbers. */
function numberOf(what: string, context: AnswerContext, place: BlockPlace): number | undefined {
  const number = findHere(context, place)
  if (number === undefined && place.kind === 'hash')
    throw failed('server', `${what} #[${fromHex(place.hash).join(' ')}] not found`)
  return number
}

/** Masters pass no such question on to their clients. As geth: whoever names a hash gets that block, whatever else is asked of it. */
function findHere(context: AnswerContext, place: BlockPlace): number | undefined {
  try {
    return findNumber(context, place.kind === 'hash' ? { ...place, requireCanonical: false } : place)
  } catch (thrown) {
    if (thrown instanceof ForwardWanted && 'error' in thrown.otherwise)
      throw new RpcFailure(thrown.otherwise.error)
    throw thrown
  }
}
