/** Every method that a replica answers, as one table: a name of the method table without a handler does not compile. */
import { list } from '#rpc/params.ts'
import { quantityText } from '#rpc/encode.ts'
import type { METHODS } from '#rpc/method-table.ts'
import type { Handler, Handlers } from './handler.ts'
import { blockMethods } from './methods-block.ts'
import { feeMethods } from './methods-fees.ts'
import { logMethods } from './methods-logs.ts'
import { stateMethods } from './methods-state.ts'

type AnsweredHere = {
  [M in keyof typeof METHODS]: (typeof METHODS)[M] extends 'forward' ? never : M
}[keyof typeof METHODS]

export function createMethods(clientVersion: string): Handlers {
  const meta = {
    web3_clientVersion: (params) => {
      list(params, 0, 0)
      return clientVersion
    },
    net_version: (params, { config }) => {
      list(params, 0, 0)
      return String(config.chainId)
    },
    eth_chainId: (params, { config }) => {
      list(params, 0, 0)
      return quantityText(config.chainId)
    },
    eth_blockNumber: (params, { head }) => {
      list(params, 0, 0)
      return quantityText(head.head.number)
    },
    // A replica that answers at all is at the head that it serves.
    eth_syncing: (params) => {
      list(params, 0, 0)
      return false
    },
  } satisfies Handlers
  return { ...meta, ...stateMethods(), ...blockMethods, ...logMethods, ...feeMethods() } satisfies Record<
    AnsweredHere,
    Handler
  >
}
