/**
 * Blocks from the execution client, by hash, never by number: two answers about one number may be of two branches. What comes back is
 * only decoded here; the executor proves all of it against the header, and the header's hash is the hash that was asked for.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import type { Block, Withdrawal } from '#chain/block/frame.ts'
import type { Header } from '#chain/header/header.ts'
import { headerFromJson } from '#chain/header/header-json.ts'
import {
  jsonBigint,
  jsonFixed,
  jsonHash,
  jsonList,
  jsonNumber,
  jsonObject,
} from '#chain/codec/json-fields.ts'
import { transactionFromJson } from '#chain/transaction/transaction-json.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { ExecutionClient } from './client.ts'

/** The whole block, or undefined where the client does not have it (any more).
 *  @throws Fault master/client-garbled, and those of ExecutionClient.call */
export async function fetchBlock(client: ExecutionClient, hash: BlockHash): Promise<Block | undefined> {
  const json = await client.call('eth_getBlockByHash', [hash, true])
  if (json === null) return undefined
  const block = decode(hash, () => blockFromJson(json, hash))
  const ommers = decode(hash, () => jsonList(jsonObject(json, 'block')['uncles'] ?? [], 'uncles').length)
  return ommers === 0 ? block : { ...block, ommers: await fetchOmmers(client, hash, ommers) }
}

/** Only the header, for walking parents. */
export async function fetchHeader(client: ExecutionClient, hash: BlockHash): Promise<Header | undefined> {
  const json = await client.call('eth_getBlockByHash', [hash, false])
  return json === null ? undefined : decode(hash, () => headerOf(json, hash))
}

/** What the client calls `tag`, or has at a number; undefined where it has none (no finality yet, a dev chain). */
export async function fetchRef(client: ExecutionClient, tag: string | number): Promise<BlockRef | undefined> {
  const place = typeof tag === 'number' ? `0x${tag.toString(16)}` : tag
  const outcome = await client.ask('eth_getBlockByNumber', [place, false])
  if ('error' in outcome || outcome.result === null) return undefined
  return decode(place, () => {
    const json = jsonObject(outcome.result, 'block')
    return { number: jsonNumber(json['number'], 'number'), hash: jsonHash(json['hash'], 'hash') as BlockHash }
  })
}

/** Block 0, whose hash nobody knows beforehand. */
export async function fetchFirstHeader(client: ExecutionClient): Promise<Header | undefined> {
  const json = await client.call('eth_getBlockByNumber', ['0x0', false])
  return json === null ? undefined : decode('0', () => headerFromJson(json))
}

function blockFromJson(value: unknown, hash: BlockHash): Block {
  const json = jsonObject(value, 'block')
  const transactions = jsonList(json['transactions'], 'transactions')
  const withdrawals = json['withdrawals'] ?? undefined
  return {
    header: headerOf(json, hash),
    transactions: transactions.map(transactionFromJson),
    senders: transactions.map((one) => jsonFixed(jsonObject(one, 'transaction')['from'], 20, 'from')),
    ommers: [],
    ...(withdrawals && { withdrawals: jsonList(withdrawals, 'withdrawals').map(withdrawalFromJson) }),
  }
}

function headerOf(json: unknown, hash: BlockHash): Header {
  const header = headerFromJson(json)
  if (header.hash === hash) return header
  throw new Fault('chain/malformed', `the fields of its header hash to ${header.hash}`, { field: 'hash' })
}

/** EIP-4895; amounts are Gwei. */
function withdrawalFromJson(value: unknown): Withdrawal {
  const json = jsonObject(value, 'withdrawal')
  return {
    index: jsonBigint(json['index'], 'index'),
    validatorIndex: jsonBigint(json['validatorIndex'], 'validatorIndex'),
    address: jsonFixed(json['address'], 20, 'address'),
    amount: jsonBigint(json['amount'], 'amount'),
  }
}

/** Before the Merge only. */
function fetchOmmers(client: ExecutionClient, hash: BlockHash, count: number): Promise<Header[]> {
  const indexes = Array.from({ length: count }, (_, index) => `0x${index.toString(16)}`)
  return Promise.all(
    indexes.map(async (index) => {
      const json = await client.call('eth_getUncleByBlockHashAndIndex', [hash, index])
      return decode(hash, () => headerFromJson(json))
    }),
  )
}

function decode<T>(block: string, decoder: () => T): T {
  try {
    return decoder()
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause
    const message = `the execution client's block ${block} cannot be decoded: ${messageOf(cause)}`
    throw new Fault('master/client-garbled', message, { block }, { cause })
  }
}
