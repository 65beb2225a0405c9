/**
 * Every method that is known, and who answers it: one closed table for the gateway's routing, the replica's dispatch and metric labels. What
 * is not in it does not exist.
 */
export type Where =
  /** From a store, at a head. */
  | 'replica'
  /** Only an execution client knows: its pool. */
  | 'forward'
  /** The gateway may say it itself, as replicas would. */
  | 'gateway'

export const METHODS = {
  web3_clientVersion: 'replica',
  web3_sha3: 'replica',
  net_listening: 'replica',
  net_version: 'gateway',
  eth_chainId: 'gateway',
  eth_blockNumber: 'gateway',
  eth_syncing: 'replica',
  eth_accounts: 'replica',
  eth_capabilities: 'replica',
  eth_config: 'replica',
  eth_getBalance: 'replica',
  eth_getTransactionCount: 'replica',
  eth_getCode: 'replica',
  eth_getStorageAt: 'replica',
  eth_getStorageValues: 'replica',
  eth_getProof: 'replica',
  eth_call: 'replica',
  eth_estimateGas: 'replica',
  eth_baseFee: 'replica',
  eth_gasPrice: 'replica',
  eth_maxPriorityFeePerGas: 'replica',
  eth_feeHistory: 'replica',
  eth_blobBaseFee: 'replica',
  eth_getBlockByNumber: 'replica',
  eth_getBlockByHash: 'replica',
  eth_getHeaderByNumber: 'replica',
  eth_getHeaderByHash: 'replica',
  eth_getBlockTransactionCountByNumber: 'replica',
  eth_getBlockTransactionCountByHash: 'replica',
  eth_getUncleCountByBlockNumber: 'replica',
  eth_getUncleCountByBlockHash: 'replica',
  eth_getUncleByBlockNumberAndIndex: 'replica',
  eth_getUncleByBlockHashAndIndex: 'replica',
  eth_getTransactionByHash: 'replica',
  eth_getTransactionByBlockHashAndIndex: 'replica',
  eth_getTransactionByBlockNumberAndIndex: 'replica',
  eth_getRawTransactionByHash: 'replica',
  eth_getRawTransactionByBlockHashAndIndex: 'replica',
  eth_getRawTransactionByBlockNumberAndIndex: 'replica',
  eth_getTransactionReceipt: 'replica',
  eth_getBlockReceipts: 'replica',
  eth_getLogs: 'replica',
  debug_getRawBlock: 'replica',
  debug_getRawHeader: 'replica',
  debug_getRawReceipts: 'replica',
  debug_getRawTransaction: 'replica',
  eth_sendRawTransaction: 'forward',
  txpool_status: 'forward',
  txpool_content: 'forward',
  txpool_contentFrom: 'forward',
  txpool_inspect: 'forward',
} as const satisfies Record<string, Where>

const WHERE: ReadonlyMap<string, Where> = new Map(Object.entries(METHODS))

export function isMethod(name: string): boolean {
  return WHERE.has(name)
}

/** Who answers a method; undefined where there is no such method. */
export function whereOf(name: string): Where | undefined {
  return WHERE.get(name)
}
