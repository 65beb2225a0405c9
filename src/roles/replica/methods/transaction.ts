/** Methods about one transaction: by its hash, or by its place in a block. */
import { toHex } from '#kernel/bytes.ts'
import { EncodedResult } from '#rpc/answer.ts'
import type { Json } from '#rpc/encode/encode.ts'
import { jsonBytes } from '#rpc/encode/json-bytes.ts'
import { type BlockPlace, hash32, hexUint, numberPlace, readParams, required } from '#rpc/decode/params.ts'
import { transactionPlace, writeTransaction } from '#rpc/encode/transaction-bytes.ts'
import type { RawBlock } from '#state/snapshot.ts'
import { type AnswerContext, ForwardWanted, prunedHistory } from '#roles/replica/answer/answer-context.ts'
import type { Handler, Handlers } from '#roles/replica/answer/handler.ts'
import { blockAt, HASH, keptBlock, receiptAt } from './block.ts'

const NUMBER = required<BlockPlace>(numberPlace)
const TRANSACTION = required(hash32)

export const transactionMethods = {
  eth_getTransactionByHash: (params, context) => {
    const found = findTransaction(context, ...readParams(params, TRANSACTION))
    const block = found && keptBlock(context, found.number)?.block
    // It may wait in a pool, or in a block that is not here yet: only a client can say.
    if (found === undefined || block === undefined) throw new ForwardWanted({ result: null })
    return whole(block, found.index)
  },
  eth_getRawTransactionByHash: (params, context) =>
    rawTransaction(context, ...readParams(params, TRANSACTION)),
  eth_getTransactionReceipt: (params, context) => {
    const found = findTransaction(context, ...readParams(params, TRANSACTION))
    const receipt = found && receiptAt(context, found.number, found.index)
    if (receipt !== undefined) return new EncodedResult(receipt)
    // Whatever is in a block of this view is here, so that there is none; unless it is older than all that is here.
    if (context.snapshot.chainFrom > 0) throw prunedHistory()
    return null
  },
  eth_getTransactionByBlockHashAndIndex: byPlace(HASH, whole, null),
  eth_getTransactionByBlockNumberAndIndex: byPlace(NUMBER, whole, null),
  eth_getRawTransactionByBlockHashAndIndex: byPlace(HASH, raw, '0x'),
  eth_getRawTransactionByBlockNumberAndIndex: byPlace(NUMBER, raw, '0x'),
} satisfies Handlers

export function rawTransaction(context: AnswerContext, hash: Uint8Array): Json {
  const found = findTransaction(context, hash)
  const block = found && keptBlock(context, found.number)?.block
  if (found === undefined || block === undefined) throw new ForwardWanted({ result: '0x' })
  return raw(block, found.index)
}

/** A transaction of the view: what is above its head is not there. */
function findTransaction(
  { snapshot, head }: AnswerContext,
  hash: Uint8Array,
): { readonly number: number; readonly index: number } | undefined {
  const place = snapshot.transaction(hash)
  return place === undefined || place.number > head.head.number ? undefined : place
}

function byPlace(
  place: typeof NUMBER,
  answer: (block: RawBlock, index: number) => Json | EncodedResult,
  none: Json,
): Handler {
  return (params, context) => {
    const [where, index] = readParams(params, place, required(hexUint))
    const block = blockAt(context, where)
    return block === undefined ? none : answer(block, index)
  }
}

function whole(block: RawBlock, index: number): Json | EncodedResult {
  const [bytes, hash, sender] = [block.transactions[index], block.hashes[index], block.senders[index]]
  if (bytes === undefined || hash === undefined || sender === undefined) return null
  return new EncodedResult(
    jsonBytes((out) =>
      writeTransaction(out, transactionPlace(block.header), { raw: bytes, hash, sender, index }),
    ),
  )
}

function raw({ transactions }: RawBlock, index: number): Json {
  const bytes = transactions[index]
  return bytes === undefined ? '0x' : toHex(bytes)
}
