/** Every method that a replica answers, as one table: a name of the method table without a handler does not compile. */
import { keccak256 } from '#core/keccak.ts'
import { toHex } from '#kernel/bytes.ts'
import { anyBytes } from '#rpc/decode/geth-hex.ts'
import { type Json, quantityText } from '#rpc/encode/encode.ts'
import type { METHODS } from '#rpc/method-table.ts'
import { readParams, required } from '#rpc/decode/params.ts'
import type { AnswerContext } from '#roles/replica/answer/answer-context.ts'
import type { Handler, Handlers } from '#roles/replica/answer/handler.ts'
import { blockMethods } from './block.ts'
import { configMethods } from './config.ts'
import { feeMethods } from './fees.ts'
import { logMethods } from './logs.ts'
import { proofMethods } from './proof.ts'
import { rawMethods } from './raw.ts'
import { stateMethods } from './state.ts'
import { transactionMethods } from './transaction.ts'

type AnsweredHere = {
  [M in keyof typeof METHODS]: (typeof METHODS)[M] extends 'forward' ? never : M
}[keyof typeof METHODS]

export function createMethods(clientVersion: string): Handlers {
  const meta = {
    web3_clientVersion: plain(() => clientVersion),
    web3_sha3: (params) => {
      const [bytes] = readParams(
        params,
        required((value, index) => anyBytes(value, { index, type: 'hexutil.Bytes' })),
      )
      return toHex(keccak256(bytes))
    },
    net_version: plain(({ config }) => String(config.chainId)),
    net_listening: plain(() => true),
    eth_chainId: plain(({ config }) => quantityText(config.chainId)),
    eth_blockNumber: plain(({ head }) => quantityText(head.head.number)),
    // A replica that answers at all is at the head that it serves.
    eth_syncing: plain(() => false),
    eth_accounts: plain(() => []),
    eth_capabilities: plain(capabilities),
  } satisfies Handlers
  return {
    ...meta,
    ...stateMethods(),
    ...proofMethods,
    ...rawMethods,
    ...configMethods,
    ...blockMethods,
    ...transactionMethods,
    ...logMethods,
    ...feeMethods(),
  } satisfies Record<AnsweredHere, Handler>
}

/** A method without parameters. */
function plain(answer: (context: AnswerContext) => Json): Handler {
  return (params, context) => {
    readParams(params)
    return answer(context)
  }
}

/** What can be asked about which blocks. */
function capabilities({ head, snapshot }: AnswerContext): Json {
  const from = (oldest: number): Json => ({ disabled: false, oldestBlock: quantityText(oldest) })
  const chain = from(snapshot.chainFrom)
  return {
    head: { number: quantityText(head.head.number), hash: head.head.hash },
    state: from(snapshot.historyFrom),
    tx: chain,
    logs: chain,
    receipts: chain,
    blocks: chain,
    stateproofs: snapshot.trieRows() === undefined ? { disabled: true } : from(snapshot.historyFrom),
  }
}
