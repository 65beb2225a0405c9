/** A replica's own HTTP: JSON-RPC from its answerer, and what operators look at. */
import { assert } from '#kernel/assert.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { HttpHandler, HttpRequest } from '#ports/http.ts'
import type { Logger } from '#ports/logger.ts'
import { CODE, errorText } from '#rpc/errors.ts'
import { answerHttp, json, renderAnswer, type RpcHttpResponse } from '#rpc/http.ts'
import type { Answerer } from './answerer.ts'

export interface AnswerHttpParts {
  readonly answerer: Answerer
  readonly log: Logger
  readonly isReady: () => boolean
  /** Prometheus text. */
  readonly metrics: () => string
}

export function createAnswerHttp({ answerer, log, isReady, metrics }: AnswerHttpParts): HttpHandler {
  return async (request) =>
    answerHttp(request, undefined, {
      post: (minBlock) => post(request, minBlock, answerer, log),
      isReady,
      notReady: 'the end of the feed has not been reached yet',
      metrics,
    })
}

async function post(
  { body, signal }: HttpRequest,
  minBlock: number,
  answerer: Answerer,
  log: Logger,
): Promise<RpcHttpResponse> {
  try {
    const answer = await answerer.answer(body, { minBlock, signal })
    assert(!('kind' in answer), 'only a gateway, which names a head, is told that it is not held')
    const said = answer.items.filter((item) => item.kind !== 'silent')
    return renderAnswer({
      ...answer,
      jsons: said.map((item) => (item.kind === 'forward' ? item.otherwise : item.json)),
      retry: said.length > 0 && said.every(({ kind }) => kind === 'retry'),
    })
  } catch (thrown) {
    // The store cannot be read, or this is a bug: one request ends, and somebody is told. Nobody waits for one that was aborted.
    if (!signal.aborted) log.error('a request failed', { error: messageOf(thrown), code: faultCode(thrown) })
    return json(500, errorText('null', { code: CODE.internal, message: 'internal error' }))
  }
}
