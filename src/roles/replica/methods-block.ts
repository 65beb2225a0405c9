/** Methods about blocks and their receipts. */
import { blobBaseFee } from '#chain/fees.ts'
import { assert } from '#kernel/assert.ts'
import { EncodedResult } from '#rpc/answer.ts'
import { blockBytes } from '#rpc/block-bytes.ts'
import { headerJson, type Json, ommerJson, quantityText } from '#rpc/encode.ts'
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
import { JsonBytes } from '#rpc/json-bytes.ts'
import { logPlace, writeReceipt } from '#rpc/receipt-bytes.ts'
import type { RawBlock } from '#state/snapshot.ts'
import { type AnswerContext, findNumber, headerAt } from './answer-context.ts'
import type { Handler, Handlers } from './handler.ts'
import type { EncodedList } from './result-cache.ts'

const NUMBER = required<BlockPlace>(numberPlace)
export const HASH = required<BlockPlace>((value, index) => ({
  kind: 'hash',
  hash: blockHash(value, index),
  requireCanonical: false,
}))
const FULL = required(boolean)
/** About; what is longer grows. */
const RECEIPT_BYTES = 2_048

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
    const number = findNumber(context, ...readParams(params, required(blockPlace)))
    const receipts = number === undefined ? undefined : receiptsAt(context, number)
    return receipts === undefined ? null : new EncodedResult(receipts.bytes)
  },
} satisfies Handlers

export function blockAt(context: AnswerContext, place: BlockPlace): RawBlock | undefined {
  const number = findNumber(context, place)
  return number === undefined ? undefined : context.snapshot.rawBlock(number)
}

/** All receipts of a block as one list, kept for whoever asks for the next one. */
export function receiptsAt(context: AnswerContext, number: number): EncodedList | undefined {
  const { cache, snapshot } = context
  return cache.get(`receipts ${snapshot.hashAt(number)}`, () => {
    const block = snapshot.rawBlock(number)
    return block && encodeReceipts(context, block)
  })
}

function encodeReceipts({ snapshot, config }: AnswerContext, block: RawBlock): EncodedList {
  const { header, hashes, transactions, senders } = block
  const receipts = snapshot.receipts(header.number)
  if (receipts === undefined)
    throw failed('internal', `the receipts of block ${header.number} are not in the store`)
  const { blob } = config.rulesAt(header.number, header.timestamp)
  const blobGasPrice =
    blob && header.excessBlobGas !== undefined ? blobBaseFee(header.excessBlobGas, blob) : undefined
  const out = new JsonBytes(RECEIPT_BYTES * receipts.length + 2)
  const place = logPlace(header)
  const places = new Uint32Array(2 * receipts.length)
  out.text('[')
  receipts.forEach((receipt, index) => {
    const [raw, hash, sender] = [transactions[index], hashes[index], senders[index]]
    assert(raw !== undefined && hash !== undefined && sender !== undefined, 'a receipt has its transaction')
    if (index > 0) out.text(',')
    places[2 * index] = out.length
    writeReceipt(out, place, { raw, hash, sender, index, receipt, blobGasPrice })
    places[2 * index + 1] = out.length
  })
  out.text(']')
  return { bytes: out.copy(), places }
}

function wholeBlock(context: AnswerContext, place: BlockPlace, full: boolean): Json | EncodedResult {
  const number = findNumber(context, place)
  if (number === undefined) return null
  const transactions = full ? 'full' : 'hashes'
  const bytes = context.cache.get(`${transactions} ${context.snapshot.hashAt(number)}`, () => {
    const block = context.snapshot.rawBlock(number)
    return block && blockBytes(block, transactions)
  })
  return bytes === undefined ? null : new EncodedResult(bytes)
}

function headerOf(context: AnswerContext, place: BlockPlace): Json {
  const number = findNumber(context, place)
  return number === undefined ? null : headerJson(headerAt(context, number))
}

function ommerAt(context: AnswerContext, place: BlockPlace, index: number): Json {
  const ommer = blockAt(context, place)?.ommers[index]
  return ommer === undefined ? null : ommerJson(ommer)
}

function counting(place: typeof NUMBER, count: (block: RawBlock) => number): Handler {
  return (params, context) => {
    const block = blockAt(context, ...readParams(params, place))
    return block === undefined ? null : quantityText(count(block))
  }
}
