/** Errors of JSON-RPC in geth's code and wording (1.17). One place for every code; failures are thrown as RpcFailure and caught by the answerer. */
import type { Parts } from '#kernel/bytes.ts'

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** Codes by what they mean to clients: which ones are retried differs (viem retries -32005, never -32000). */
export const CODE = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  server: -32000,
  timeout: -32002,
  tooLarge: -32003,
  /** Limit exceeded, or not here yet: worth trying again. */
  limit: -32005,
  reverted: 3,
  /** EIP-4444. */
  pruned: 4444,
  /** geth's limit of what one request may ask for. */
  clientLimit: -38026,
} as const

/** An expected outcome of a call, carried to its response. */
export class RpcFailure extends Error {
  override name = 'RpcFailure'
  readonly error: RpcError

  constructor(error: RpcError) {
    super(error.message)
    this.error = error
  }
}

export function failed(code: keyof typeof CODE, message: string, data?: unknown): RpcFailure {
  return new RpcFailure({ code: CODE[code], message, ...(data === undefined ? {} : { data }) })
}

/** Subscriptions are known by the ends of their names, whatever the namespace; where a request meets this, there are none. */
export function methodNotFound(method: string): RpcError {
  if (method.endsWith('_subscribe'))
    return { code: CODE.methodNotFound, message: 'notifications not supported' }
  if (method.endsWith('_unsubscribe')) return { code: CODE.server, message: 'subscription not found' }
  return { code: CODE.methodNotFound, message: `the method ${method} does not exist/is not available` }
}

/** The JSON text of a response. `id` is JSON text, so it goes back exactly as it came. */
export function resultText(id: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`
}
/** The same around a result that is bytes, which are not copied. */
export function resultParts(id: string, result: Uint8Array): Parts {
  return [`{"jsonrpc":"2.0","id":${id},"result":`, result, '}']
}

export function errorText(id: string, error: RpcError): string {
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`
}
