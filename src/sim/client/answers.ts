/** The JSON-RPC that a master and its forward port ask of an execution client, answered from built blocks. */
import type { Transaction } from '#chain/transaction/transaction.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintTo, fromHex, toHex } from '#kernel/bytes.ts'
import { logJson, placeOf, receiptJson, transactionJson } from '#rpc/encode/encode.ts'
import type { BuiltBlock } from './block-builder.ts'
import { ancestorAt, type ClientView } from './consensus.ts'
import { CHAIN_ID } from './genesis.ts'
import type { Model } from './model.ts'
import { proofText } from './proof.ts'

/** In place of a result. */
const NOT_FOUND = 'header not found'
const ALREADY_KNOWN = 'already known'

/** Transactions that wait, by hash. */
export interface Pool {
  has(hash: string): boolean
  add(hash: string): void
}

interface Facts {
  readonly view: ClientView
  readonly known: Known
  readonly pool: Pool
}

type Known = (hash: string) => BuiltBlock | undefined

export function answerCall(
  text: string,
  view: ClientView,
  known: Known,
  pool: Pool,
): { readonly answer: string; readonly subscribes: boolean } {
  const { id, method, params } = JSON.parse(text) as { id: number; method: string; params: unknown[] }
  const result = resultOf(method, params, { view, known, pool })
  const rest =
    result === undefined
      ? `"error":{"code":-32601,"message":"the method ${method} does not exist/is not available"}`
      : result === NOT_FOUND || result === ALREADY_KNOWN
        ? `"error":{"code":-32000,"message":"${result}"}`
        : `"result":${result}`
  return { answer: `{"jsonrpc":"2.0","id":${id},${rest}}`, subscribes: method === 'eth_subscribe' }
}

/** JSON text; undefined for a method that this client does not have. */
function resultOf(
  method: string,
  params: readonly unknown[],
  { view, known, pool }: Facts,
): string | undefined {
  switch (method) {
    case 'eth_chainId':
      return `"0x${CHAIN_ID.toString(16)}"`
    case 'web3_clientVersion':
      return '"simulated/v1.0.0"'
    case 'eth_subscribe':
      return '"0x1"'
    case 'eth_getBlockByHash':
      return blockText(known(String(params[0])), params[1])
    case 'eth_getBlockByNumber':
      return blockText(at(params[0], view, known), params[1])
    case 'eth_getBalance':
      return ofState(at(params[1], view, known), ({ balances }) => quantity(balances.get(String(params[0]))))
    case 'eth_getTransactionCount':
      return ofState(at(params[1], view, known), ({ nonces }) => quantity(nonces.get(String(params[0]))))
    case 'eth_getStorageAt':
      return ofState(at(params[2], view, known), ({ slots }) =>
        JSON.stringify(toHex(bigintTo(slots.get(Number(params[1])) ?? 0n, 32))),
      )
    case 'eth_getProof': {
      const block = at(params[2], view, known)
      return block === undefined ? NOT_FOUND : proofText(String(params[0]), params[1] as string[], block)
    }
    case 'eth_getLogs':
      return logsOf(known((params[0] as { blockHash: string }).blockHash))
    case 'eth_getTransactionReceipt':
      return receiptOf(String(params[0]), view.head) ?? 'null'
    case 'eth_getTransactionByHash':
      return transactionOf(String(params[0]), view.head) ?? 'null'
    case 'eth_sendRawTransaction':
      return poolAnswer(toHex(keccak256(fromHex(String(params[0])))), pool)
    default:
      return undefined
  }
}

/** As geth: a second time is an error, which says that it is there. */
function poolAnswer(hash: string, pool: Pool): string {
  if (pool.has(hash)) return ALREADY_KNOWN
  pool.add(hash)
  return `"${hash}"`
}

function ofState(block: BuiltBlock | undefined, read: (model: Model) => string): string {
  return block === undefined ? NOT_FOUND : read(block.model)
}

function quantity(value: bigint | number | undefined): string {
  return `"0x${(value ?? 0).toString(16)}"`
}

/** A block by hash is whatever the client has ever had, on its branch or not, as geth answers. */
function at(place: unknown, view: ClientView, known: Known): BuiltBlock | undefined {
  if (typeof place === 'object' && place !== null) return known((place as { blockHash: string }).blockHash)
  if (place === 'latest' || place === 'pending') return view.head
  if (place === 'safe') return view.safe
  if (place === 'finalized') return view.finalized.number === 0 ? undefined : view.finalized
  return ancestorAt(view.head, Number(place))
}

function logsOf(block: BuiltBlock | undefined): string {
  if (block === undefined) return NOT_FOUND
  const all = block.receipts.flatMap(({ logs }, i) => {
    const transaction = block.block.transactions[i] as Transaction
    return logs.map((log) => ({ log, transaction, i }))
  })
  return JSON.stringify(
    all.map(({ log, transaction, i }, index) =>
      logJson(log, placeOf(block.header), toHex(transaction.hash), i, index),
    ),
  )
}

function blockText(block: BuiltBlock | undefined, full: unknown): string {
  return block === undefined ? 'null' : full === true ? block.json.full : block.json.hashes
}

function receiptOf(hash: string, head: BuiltBlock): string | undefined {
  const found = find(hash, head)
  return found && JSON.stringify(receiptJson(receiptParts(found.built, found.index)))
}

function transactionOf(hash: string, head: BuiltBlock): string | undefined {
  const found = find(hash, head)
  if (found === undefined) return undefined
  const { block, header } = found.built
  const transaction = block.transactions[found.index] as Transaction
  return JSON.stringify(
    transactionJson(transaction, block.senders[found.index] as Uint8Array, header, found.index),
  )
}

function find(
  hash: string,
  head: BuiltBlock,
): { readonly built: BuiltBlock; readonly index: number } | undefined {
  for (let built: BuiltBlock | undefined = head; built !== undefined; built = built.parent) {
    const index = built.block.transactions.findIndex((transaction) => toHex(transaction.hash) === hash)
    if (index >= 0) return { built, index }
  }
  return undefined
}

function receiptParts(built: BuiltBlock, index: number): Parameters<typeof receiptJson>[0] {
  const { block, receipts, header } = built
  const gasBefore = receipts[index - 1]?.cumulativeGasUsed ?? 0n
  const receipt = receipts[index] as BuiltBlock['receipts'][number]
  return {
    header,
    transaction: block.transactions[index] as Parameters<typeof receiptJson>[0]['transaction'],
    sender: block.senders[index] as Uint8Array,
    index,
    receipt: {
      ...receipt,
      gasUsed: receipt.cumulativeGasUsed - gasBefore,
      firstLogIndex: receipts.slice(0, index).reduce((sum, { logs }) => sum + logs.length, 0),
    },
    blobGasPrice: 1n,
  }
}
