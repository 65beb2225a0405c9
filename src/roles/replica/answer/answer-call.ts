/** One call in the view of its body: which handler, and how what it returns or throws becomes an answer. */
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'
import { type AnswerItem, EncodedResult } from '#rpc/answer.ts'
import type { Json } from '#rpc/encode/encode.ts'
import type { Call } from '#rpc/envelope.ts'
import {
  CODE,
  errorText,
  methodNotFound,
  resultParts,
  resultText,
  type RpcError,
  RpcFailure,
} from '#rpc/errors.ts'
import { isMethod } from '#rpc/method-table.ts'
import {
  type AnswerContext,
  Beside,
  ForwardWanted,
  HeadGone,
  MarkGone,
  NotHereYet,
  type Otherwise,
  TooHeavy,
} from './answer-context.ts'
import type { Handler } from './handler.ts'

/** What came of a call, and its code where it failed. */
export interface Answered {
  readonly item: AnswerItem
  readonly errorCode?: number
  /** Gives the item's bytes back, once nobody reads them any more. */
  readonly free?: () => void
}
export type Outcome = Answered | NotHereYet | TooHeavy

const NO_CLIENT: RpcError = {
  code: CODE.server,
  message: 'only an execution client can do this, and none can be asked here',
}

/** @throws HeadGone */
export function runCall(
  call: Call,
  context: AnswerContext,
  methods: ReadonlyMap<string, Handler>,
  log: Logger,
): Outcome {
  const handler = methods.get(call.method)
  // The rest of the table is a client's business: whoever asked may have a master to ask.
  if (handler === undefined)
    return isMethod(call.method)
      ? forward(call, { error: NO_CLIENT })
      : failure(call, methodNotFound(call.method))
  try {
    const result = inItsBranch(handler, call, context)
    return success(call, result)
  } catch (thrown) {
    if (thrown instanceof RpcFailure) return failure(call, thrown.error)
    if (thrown instanceof ForwardWanted) return forward(call, thrown.otherwise)
    if (thrown instanceof NotHereYet || thrown instanceof TooHeavy) return thrown
    if (thrown instanceof MarkGone) return retryLater(call, thrown.message)
    if (thrown instanceof HeadGone) throw thrown
    log.error('a call failed', {
      method: call.method,
      error: messageOf(thrown),
      ...(thrown instanceof Fault ? { code: thrown.code } : {}),
    })
    return failure(call, { code: CODE.internal, message: 'internal error' })
  }
}

/** In the view of the body; where that cannot be because the call is about a block beside the chain, in the view of its branch. */
function inItsBranch(handler: Handler, { params }: Call, context: AnswerContext): Json | EncodedResult {
  try {
    return handler(params, context)
  } catch (thrown) {
    if (thrown instanceof Beside) return handler(params, thrown.context)
    throw thrown
  }
}

function success({ idText, notification }: Call, result: Json | EncodedResult): Answered {
  if (!(result instanceof EncodedResult))
    return { item: notification ? SILENT : { kind: 'answered', json: resultText(idText, jsonText(result)) } }
  const { bytes, free } = result
  if (notification) {
    free?.()
    return { item: SILENT }
  }
  const item: AnswerItem = { kind: 'encoded', parts: resultParts(idText, bytes) }
  return free === undefined ? { item } : { item, free }
}

function jsonText(result: Json): string {
  // What begins so is hex digits to its end, with nothing to escape.
  return typeof result === 'string' && result.startsWith('0x') ? `"${result}"` : JSON.stringify(result)
}

export function failure(call: Call, error: RpcError): Answered {
  const item: AnswerItem = call.notification
    ? SILENT
    : { kind: 'answered', json: errorText(call.idText, error) }
  return { item, errorCode: error.code }
}

/** Worth trying again. */
export function retryLater(call: Call, message: string): Answered {
  const item: AnswerItem = call.notification
    ? SILENT
    : { kind: 'retry', json: errorText(call.idText, { code: CODE.limit, message }) }
  return { item, errorCode: CODE.limit }
}

const SILENT: AnswerItem = { kind: 'silent' }

function forward(call: Call, otherwise: Otherwise): Answered {
  if (call.notification) return { item: SILENT }
  const text =
    'error' in otherwise
      ? errorText(call.idText, otherwise.error)
      : resultText(call.idText, JSON.stringify(otherwise.result))
  return { item: { kind: 'forward', request: call.requestText, otherwise: text } }
}
