/** One body as the gateway sees it: each call with who answers it, and what is settled already because it is no call or no method. */
import { type BodyItem, type Call as RpcCall, readBody } from '#rpc/envelope.ts'
import { errorText, methodNotFound, type RpcError } from '#rpc/errors.ts'
import type { ResponseText } from '#rpc/answer.ts'
import { type Where, whereOf } from '#rpc/method-table.ts'
import type { Forwarded } from './forward.ts'

export type Call = RpcCall & { readonly where: Where }

/** A response object as JSON text or bytes; none for a notification. */
export interface Settled {
  readonly json?: ResponseText
  /** It failed in a way that is worth trying again. */
  readonly retryLater?: boolean
}

export interface Calls {
  readonly kind: 'calls'
  readonly body: Uint8Array
  readonly batch: boolean
  readonly count: number
  readonly items: readonly (Call | Settled)[]
}

const RETRY_LATER = -32005

/** The calls of a body, or the response to a body that is none. */
export function readCalls(body: Uint8Array): Calls | string {
  const read = readBody(body)
  if (read.kind === 'refused') return read.json
  const { batch, items } = read
  return { kind: 'calls', body, batch, count: items.length, items: items.map(classify) }
}

export function isSettled(item: Call | Settled): item is Settled {
  return !('where' in item)
}

/** The response to a call that succeeded or failed elsewhere: its own id, the other's result. */
export function success(call: RpcCall, { kind, json }: Forwarded): Settled {
  return call.notification ? {} : { json: `{"jsonrpc":"2.0","id":${call.idText},"${kind}":${json}}` }
}

export function failure(call: RpcCall, error: RpcError): Settled {
  const retryLater = error.code === RETRY_LATER
  return call.notification ? {} : { json: errorText(call.idText, error), ...(retryLater && { retryLater }) }
}

function classify(item: BodyItem): Call | Settled {
  if (item.kind === 'refused') return { json: item.json }
  const where = whereOf(item.call.method)
  return where === undefined ? failure(item.call, methodNotFound(item.call.method)) : { ...item.call, where }
}
