/** Methods about blocks and their receipts. */
import { blobBaseFee } from '#chain/block/fees.ts'
import { assert } from '#kernel/assert.ts'
import type { EncodedResult } from '#rpc/answer.ts'
import { encodedBlock } from '#rpc/encode/block-bytes.ts'
import { headerJson, type Json, ommerJson, quantityText } from '#rpc/encode/encode.ts'
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
} from '#rpc/decode/params.ts'
import { encodedJson, type JsonBytes, jsonBytes } from '#rpc/encode/json-bytes.ts'
import { type ReceiptPlace, receiptPlace, writeReceipt } from '#rpc/encode/receipt-bytes.ts'
import type { RawBlock, StoredReceipt } from '#state/snapshot.ts'
import { type AnswerContext, findNumber, headerAt } from '#roles/replica/answer/answer-context.ts'
import type { Handler, Handlers } from '#roles/replica/answer/handler.ts'

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
    const number = findNumber(context, ...readParams(params, required(blockPlace)))
    return (number === undefined ? undefined : receiptsOf(context, number)) ?? null
  },
} satisfies Handlers

export function blockAt(context: AnswerContext, place: BlockPlace): RawBlock | undefined {
  const number = findNumber(context, place)
  return number === undefined ? undefined : keptBlock(context, number)?.block
}

/** A block from which single transactions and receipts are read. */
interface KeptBlock {
  readonly block: RawBlock
  /** Its receipts as they are stored. */
  readonly receipts: Uint8Array
  /** What they have in common. */
  readonly place: ReceiptPlace
  readonly heldBytes: number
}

/** Of each transaction: the views of its bytes, its hash and its sender, and what blooms remember of its logs. */
const TRANSACTION_VIEWS_BYTES = 1_024

export function keptBlock({ cache, snapshot }: AnswerContext, number: number): KeptBlock | undefined {
  return cache.get(`block ${snapshot.hashAt(number)}`, () => {
    const block = snapshot.rawBlock(number)
    if (block === undefined) return undefined
    const receipts = snapshot.receiptList(number)
    if (receipts === undefined) throw missingReceipts(number)
    const views = block.transactions.length * TRANSACTION_VIEWS_BYTES
    const heldBytes = block.size + receipts.length + views
    return { block, receipts, place: receiptPlace(block.header), heldBytes }
  })
}

function missingReceipts(number: number): Error {
  return failed('internal', `the receipts of block ${number} are not in the store`)
}

/** The receipt of one transaction; nothing is made of the others. */
export function receiptAt(context: AnswerContext, number: number, index: number): Uint8Array | undefined {
  const kept = keptBlock(context, number)
  const receipt = kept && context.snapshot.receipt(number, index, kept.receipts)
  if (kept === undefined || receipt === undefined) return undefined
  return jsonBytes((out) => receiptWriter(out, context, kept)(receipt, index))
}

/** All receipts of a block as one list. */
function receiptsOf(context: AnswerContext, number: number): EncodedResult | undefined {
  const { cache, snapshot } = context
  return cache.encoded(`receipts ${snapshot.hashAt(number)}`, () => {
    const block = snapshot.rawBlock(number)
    if (block === undefined) return undefined
    const receipts = snapshot.receipts(number)
    if (receipts === undefined) throw missingReceipts(number)
    return encodedJson((out) => {
      const write = receiptWriter(out, context, { block, place: receiptPlace(block.header) })
      out.text('[')
      receipts.forEach((receipt, index) => {
        if (index > 0) out.text(',')
        write(receipt, index)
      })
      out.text(']')
    })
  })
}

function receiptWriter(
  out: JsonBytes,
  { config }: AnswerContext,
  { block, place }: Pick<KeptBlock, 'block' | 'place'>,
): (receipt: StoredReceipt, index: number) => void {
  const { header, hashes, transactions, senders } = block
  const { blob } = config.rulesAt(header.number, header.timestamp)
  const blobGasPrice =
    blob && header.excessBlobGas !== undefined ? blobBaseFee(header.excessBlobGas, blob) : undefined
  return (receipt, index) => {
    const [raw, hash, sender] = [transactions[index], hashes[index], senders[index]]
    assert(raw !== undefined && hash !== undefined && sender !== undefined, 'a receipt has its transaction')
    writeReceipt(out, place, { raw, hash, sender, index, receipt, blobGasPrice })
  }
}

function wholeBlock(context: AnswerContext, place: BlockPlace, full: boolean): Json | EncodedResult {
  const number = findNumber(context, place)
  if (number === undefined) return null
  const transactions = full ? 'full' : 'hashes'
  const encoded = context.cache.encoded(`${transactions} ${context.snapshot.hashAt(number)}`, () => {
    const block = context.snapshot.rawBlock(number)
    return block && encodedBlock(block, transactions)
  })
  return encoded ?? null
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
