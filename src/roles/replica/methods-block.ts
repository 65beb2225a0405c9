/** Methods about blocks and their receipts. */
import { blobBaseFee } from '#chain/fees.ts'
import { blockJson, headerJson, type Json, ommerJson, quantityText, receiptJson } from '#rpc/encode.ts'
import { failed } from '#rpc/errors.ts'
import {
  blockHash,
  type BlockPlace,
  blockPlace,
  boolean,
  hexUint,
  numberPlace,
  readParams,
  required,
} from '#rpc/params.ts'
import type { StoredBlock } from '#state/snapshot.ts'
import { type AnswerContext, findNumber, headerAt } from './answer-context.ts'
import type { Handler, Handlers } from './handler.ts'

const NUMBER = required<BlockPlace>(numberPlace)
export const HASH = required<BlockPlace>((value, index) => ({
  kind: 'hash',
  hash: blockHash(value, index),
  requireCanonical: false,
}))
const FULL = required(boolean)

export const blockMethods = {
  eth_getBlockByNumber: (params, context) => wholeBlock(context, ...readParams(params, NUMBER, FULL)),
  eth_getBlockByHash: (params, context) => wholeBlock(context, ...readParams(params, HASH, FULL)),
  eth_getHeaderByNumber: (params, context) => headerOf(context, ...readParams(params, NUMBER)),
  eth_getHeaderByHash: (params, context) => headerOf(context, ...readParams(params, HASH)),
  eth_getBlockTransactionCountByNumber: counting(NUMBER, ({ transactions }) => transactions.length),
  eth_getBlockTransactionCountByHash: counting(HASH, ({ transactions }) => transactions.length),
  eth_getUncleCountByBlockNumber: counting(NUMBER, ({ ommers }) => ommers.length),
  eth_getUncleCountByBlockHash: counting(HASH, ({ ommers }) => ommers.length),
  eth_getUncleByBlockNumberAndIndex: (params, context) =>
    ommerAt(context, ...readParams(params, NUMBER, required(hexUint))),
  eth_getUncleByBlockHashAndIndex: (params, context) =>
    ommerAt(context, ...readParams(params, HASH, required(hexUint))),
  eth_getBlockReceipts: (params, context) => {
    const block = blockAt(context, ...readParams(params, required(blockPlace)))
    return block === undefined ? null : receiptsOf(context, block)
  },
} satisfies Handlers

export function blockAt(context: AnswerContext, place: BlockPlace): StoredBlock | undefined {
  const number = findNumber(context, place)
  return number === undefined ? undefined : context.snapshot.block(number)
}

export function receiptsOf(
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

function wholeBlock(context: AnswerContext, place: BlockPlace, full: boolean): Json {
  const block = blockAt(context, place)
  return block === undefined ? null : blockJson(block, full ? 'full' : 'hashes')
}

function headerOf(context: AnswerContext, place: BlockPlace): Json {
  const number = findNumber(context, place)
  return number === undefined ? null : headerJson(headerAt(context, number))
}

function ommerAt(context: AnswerContext, place: BlockPlace, index: number): Json {
  const ommer = blockAt(context, place)?.ommers[index]
  return ommer === undefined ? null : ommerJson(ommer)
}

function counting(place: typeof NUMBER, count: (block: StoredBlock) => number): Handler {
  return (params, context) => {
    const block = blockAt(context, ...readParams(params, place))
    return block === undefined ? null : quantityText(count(block))
  }
}
