/** Methods about one transaction: by its hash, or by its place in a block. */
import { toHex } from '#kernel/bytes.ts'
import { type Json, transactionJson } from '#rpc/encode.ts'
import { type BlockPlace, hash32, hexUint, numberPlace, readParams, required } from '#rpc/params.ts'
import type { StoredBlock } from '#state/snapshot.ts'
import { type AnswerContext, ForwardWanted, prunedHistory } from './answer-context.ts'
import type { Handler, Handlers } from './handler.ts'
import { blockAt, HASH, receiptsOf } from './methods-block.ts'

const NUMBER = required<BlockPlace>(numberPlace)
const TRANSACTION = required(hash32)

export const transactionMethods = {
  eth_getTransactionByHash: (params, context) => {
    const found = findTransaction(context, ...readParams(params, TRANSACTION))
    // It may wait in a pool, or in a block that is not here yet: only a client can say.
    if (found === undefined) throw new ForwardWanted({ result: null })
    return whole(found.block, found.index)
  },
  eth_getRawTransactionByHash: (params, context) => {
    const found = findTransaction(context, ...readParams(params, TRANSACTION))
    if (found === undefined) throw new ForwardWanted({ result: '0x' })
    return raw(found.block, found.index)
  },
  eth_getTransactionReceipt: (params, context) => {
    const found = findTransaction(context, ...readParams(params, TRANSACTION))
    if (found !== undefined) return receiptsOf(context, found.block)[found.index] ?? null
    // Whatever is in a block of this view is here, so that there is none; unless it is older than all that is here.
    if (context.snapshot.chainFrom > 0) throw prunedHistory()
    return null
  },
  eth_getTransactionByBlockHashAndIndex: byPlace(HASH, whole, null),
  eth_getTransactionByBlockNumberAndIndex: byPlace(NUMBER, whole, null),
  eth_getRawTransactionByBlockHashAndIndex: byPlace(HASH, raw, '0x'),
  eth_getRawTransactionByBlockNumberAndIndex: byPlace(NUMBER, raw, '0x'),
} satisfies Handlers

/** A transaction of the view: what is above its head is not there. */
function findTransaction(
  { snapshot, head }: AnswerContext,
  hash: Uint8Array,
): { block: StoredBlock; index: number } | undefined {
  const place = snapshot.transaction(hash)
  if (place === undefined || place.number > head.head.number) return undefined
  const block = snapshot.block(place.number)
  return block === undefined ? undefined : { block, index: place.index }
}

function byPlace(
  place: typeof NUMBER,
  answer: (block: StoredBlock, index: number) => Json,
  none: Json,
): Handler {
  return (params, context) => {
    const [where, index] = readParams(params, place, required(hexUint))
    const block = blockAt(context, where)
    return block === undefined ? none : answer(block, index)
  }
}

function whole({ header, transactions, senders }: StoredBlock, index: number): Json {
  const transaction = transactions[index]
  const sender = senders[index]
  return transaction === undefined || sender === undefined
    ? null
    : transactionJson(transaction, sender, header, index)
}

function raw({ transactions }: StoredBlock, index: number): Json {
  const transaction = transactions[index]
  return transaction === undefined ? '0x' : toHex(transaction.raw)
}
