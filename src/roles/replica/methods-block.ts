/** Methods about blocks, transactions and receipts. */
import { blobBaseFee } from '#chain/fees.ts'
import { toHex } from '#kernel/bytes.ts'
import { blockJson, type Json, quantityText, receiptJson, transactionJson } from '#rpc/encode.ts'
import { failed } from '#rpc/errors.ts'
import {
  type BlockPlace,
  blockNumber,
  blockPlace,
  boolean,
  hash32,
  hashText,
  list,
  quantity,
} from '#rpc/params.ts'
import type { StoredBlock } from '#state/snapshot.ts'
import { type AnswerContext, findNumber, ForwardWanted } from './answer-context.ts'
import type { Handlers } from './handler.ts'

export const blockMethods = {
  eth_getBlockByNumber: (params, context) => {
    const [where, full] = list(params, 2, 2)
    return wholeBlock(context, blockNumber(where, 0), boolean(full, 1))
  },
  eth_getBlockByHash: (params, context) => {
    const [hash, full] = list(params, 2, 2)
    return wholeBlock(context, byHash(hash), boolean(full, 1))
  },
  eth_getBlockTransactionCountByNumber: (params, context) => {
    const block = blockAt(context, blockNumber(list(params, 1, 1)[0], 0))
    return block === undefined ? null : quantityText(block.transactions.length)
  },
  eth_getBlockTransactionCountByHash: (params, context) => {
    const block = blockAt(context, byHash(list(params, 1, 1)[0]))
    return block === undefined ? null : quantityText(block.transactions.length)
  },
  eth_getUncleCountByBlockNumber: (params, context) => {
    const block = blockAt(context, blockNumber(list(params, 1, 1)[0], 0))
    return block === undefined ? null : quantityText(block.ommers.length)
  },
  eth_getUncleCountByBlockHash: (params, context) => {
    const block = blockAt(context, byHash(list(params, 1, 1)[0]))
    return block === undefined ? null : quantityText(block.ommers.length)
  },
  eth_getTransactionByHash: (params, context) => {
    const found = findTransaction(context, hash32(list(params, 1, 1)[0], 0))
    // It may wait in a pool, or in a block that is not here yet: only a client can say.
    if (found === undefined) throw new ForwardWanted({ result: null })
    return transactionOf(found.block, found.index)
  },
  eth_getRawTransactionByHash: (params, context) => {
    const found = findTransaction(context, hash32(list(params, 1, 1)[0], 0))
    if (found === undefined) throw new ForwardWanted({ result: null })
    const transaction = found.block.transactions[found.index]
    return transaction === undefined ? null : toHex(transaction.raw)
  },
  eth_getTransactionByBlockHashAndIndex: (params, context) => {
    const [hash, index] = list(params, 2, 2)
    return transactionAt(context, byHash(hash), index)
  },
  eth_getTransactionByBlockNumberAndIndex: (params, context) => {
    const [where, index] = list(params, 2, 2)
    return transactionAt(context, blockNumber(where, 0), index)
  },
  eth_getTransactionReceipt: (params, context) => {
    const found = findTransaction(context, hash32(list(params, 1, 1)[0], 0))
    return found === undefined ? null : (receiptsOf(context, found.block)[found.index] ?? null)
  },
  eth_getBlockReceipts: (params, context) => {
    const block = blockAt(context, blockPlace(list(params, 1, 1)[0], 0))
    return block === undefined ? null : receiptsOf(context, block)
  },
} satisfies Handlers

function byHash(value: unknown): BlockPlace {
  return { kind: 'hash', hash: hashText(value, 0), requireCanonical: false }
}

function blockAt(context: AnswerContext, place: BlockPlace): StoredBlock | undefined {
  const number = findNumber(context, place)
  return number === undefined ? undefined : context.snapshot.block(number)
}

function wholeBlock(context: AnswerContext, place: BlockPlace, full: boolean): Json {
  const block = blockAt(context, place)
  return block === undefined ? null : blockJson(block, full ? 'full' : 'hashes')
}

/** A transaction of the view: what is above its head is not there. */
function findTransaction(
  context: AnswerContext,
  hash: Uint8Array,
): { block: StoredBlock; index: number } | undefined {
  const place = context.snapshot.transaction(hash)
  if (place === undefined || place.number > context.head.head.number) return undefined
  const block = context.snapshot.block(place.number)
  return block === undefined ? undefined : { block, index: place.index }
}

function transactionAt(context: AnswerContext, place: BlockPlace, index: unknown): Json {
  const at = Number(quantity(index, 1, 64, 'Go value of type hexutil.Uint'))
  const block = blockAt(context, place)
  return block === undefined ? null : transactionOf(block, at)
}

function transactionOf({ header, transactions, senders }: StoredBlock, index: number): Json {
  const transaction = transactions[index]
  const sender = senders[index]
  return transaction === undefined || sender === undefined
    ? null
    : transactionJson(transaction, sender, header, index)
}

function receiptsOf(
  { snapshot, config }: AnswerContext,
  { header, transactions, senders }: StoredBlock,
): Json[] {
  const receipts = snapshot.receipts(header.number)
  if (receipts === undefined)
    throw failed('internal', `the receipts of block ${header.number} are not in the store`)
  const { blob } = config.rulesAt(header.number, header.timestamp)
  const blobGasPrice =
    blob && header.excessBlobGas !== undefined ? blobBaseFee(header.excessBlobGas, blob) : undefined
  return receipts.flatMap((receipt, index) => {
    const transaction = transactions[index]
    const sender = senders[index]
    return transaction === undefined || sender === undefined
      ? []
      : [receiptJson({ header, transaction, sender, index, receipt, blobGasPrice })]
  })
}
