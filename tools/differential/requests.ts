/** Random requests: a method with parameters that fit it, most of the time; else one that was spoilt in a place or two. */
import type { Hand, Draw } from './draw.ts'
import * as draw from './draw.ts'
import { Fields, jsonText } from './json-text.ts'
import { spoilt } from './spoil.ts'

export interface Request {
  readonly method: string
  /** A list, unless spoilt. */
  readonly params: unknown
}

const { address, place, numberOrTag, hash, transaction, index, boolean } = draw
const CALL: readonly Draw[] = [draw.callObject, place, draw.stateOverrides, draw.blockOverrides]

/** What each method takes; those after `required` may be left away. */
const METHODS: Readonly<
  Record<string, { readonly takes: readonly Draw[]; readonly required?: number; readonly weight?: number }>
> = {
  web3_clientVersion: { takes: [] },
  web3_sha3: { takes: [draw.bytes] },
  net_listening: { takes: [] },
  net_version: { takes: [] },
  eth_chainId: { takes: [] },
  eth_blockNumber: { takes: [] },
  eth_syncing: { takes: [] },
  eth_accounts: { takes: [] },
  eth_capabilities: { takes: [] },
  eth_config: { takes: [] },
  eth_getBalance: { takes: [address, place], required: 1, weight: 6 },
  eth_getTransactionCount: { takes: [address, place], required: 1, weight: 6 },
  eth_getCode: { takes: [address, place], required: 1, weight: 6 },
  eth_getStorageAt: { takes: [address, draw.storageKey, place], required: 2, weight: 8 },
  eth_getStorageValues: { takes: [draw.slotsByAddress, place], required: 1, weight: 4 },
  eth_call: { takes: CALL, required: 1, weight: 16 },
  eth_estimateGas: { takes: CALL, required: 1, weight: 8 },
  eth_baseFee: { takes: [] },
  eth_gasPrice: { takes: [] },
  eth_maxPriorityFeePerGas: { takes: [] },
  eth_feeHistory: { takes: [draw.blockCount, numberOrTag, draw.percentiles], weight: 6 },
  eth_blobBaseFee: { takes: [] },
  eth_getBlockByNumber: { takes: [numberOrTag, boolean], weight: 4 },
  eth_getBlockByHash: { takes: [hash, boolean], weight: 4 },
  eth_getHeaderByNumber: { takes: [numberOrTag], weight: 2 },
  eth_getHeaderByHash: { takes: [hash], weight: 2 },
  eth_getBlockTransactionCountByNumber: { takes: [numberOrTag] },
  eth_getBlockTransactionCountByHash: { takes: [hash] },
  eth_getUncleCountByBlockNumber: { takes: [numberOrTag] },
  eth_getUncleCountByBlockHash: { takes: [hash] },
  eth_getUncleByBlockNumberAndIndex: { takes: [numberOrTag, index] },
  eth_getUncleByBlockHashAndIndex: { takes: [hash, index] },
  eth_getTransactionByHash: { takes: [transaction], weight: 3 },
  eth_getTransactionByBlockHashAndIndex: { takes: [hash, index], weight: 2 },
  eth_getTransactionByBlockNumberAndIndex: { takes: [numberOrTag, index], weight: 2 },
  eth_getRawTransactionByHash: { takes: [transaction], weight: 2 },
  eth_getRawTransactionByBlockHashAndIndex: { takes: [hash, index], weight: 2 },
  eth_getRawTransactionByBlockNumberAndIndex: { takes: [numberOrTag, index], weight: 2 },
  eth_getTransactionReceipt: { takes: [transaction], weight: 3 },
  eth_getBlockReceipts: { takes: [place], weight: 4 },
  eth_getProof: { takes: [address, draw.storageKeys, place], required: 2, weight: 6 },
  debug_getRawBlock: { takes: [place] },
  debug_getRawHeader: { takes: [place] },
  debug_getRawReceipts: { takes: [place] },
  debug_getRawTransaction: { takes: [transaction] },
  eth_sendRawTransaction: { takes: [draw.notATransaction] },
  txpool_status: { takes: [] },
  txpool_content: { takes: [] },
  txpool_contentFrom: { takes: [address] },
  txpool_inspect: { takes: [] },
  eth_getLogs: { takes: [draw.logFilter], weight: 10 },
}
const NAMES = Object.entries(METHODS).flatMap(([name, { weight = 1 }]) => Array<string>(weight).fill(name))

export function randomRequest(hand: Hand): Request {
  const { prng } = hand
  const method = prng.pick(NAMES)
  const { takes, required = takes.length } = METHODS[method] as { takes: readonly Draw[]; required?: number }
  const given = prng.chance(0.8) ? takes.length : prng.between(required, takes.length)
  // Overrides are the exception.
  const count = takes === CALL && prng.chance(0.6) ? Math.min(given, prng.between(1, 2)) : given
  const params = takes.slice(0, count).map((each) => each(hand))
  return { method, params: prng.chance(0.35) ? spoilt(params, prng) : params }
}

export function requestText({ method, params }: Request): string {
  const entries: [string, unknown][] = [
    ['jsonrpc', '2.0'],
    ['id', 1],
    ['method', method],
  ]
  if (params !== undefined) entries.push(['params', params])
  return jsonText(new Fields(entries))
}

export function batchText(requests: readonly Request[]): string {
  return `[${requests.map(requestText).join()}]`
}
