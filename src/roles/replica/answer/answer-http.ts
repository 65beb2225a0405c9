/** A replica's own HTTP: JSON-RPC from its answerer, and what operators look at. */
import { assert } from '#kernel/assert.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { HttpHandler, HttpRequest } from '#ports/net/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { AnswerItem, ResponseText } from '#rpc/answer.ts'
import { CODE, errorText } from '#rpc/errors.ts'
import {
  answerHttp,
  type AnswerRenderer,
  createAnswerRenderer,
  json,
  type Pages,
  type RpcHttpResponse,
} from '#rpc/http.ts'
import type { RequestContext } from './answer-body.ts'
import type { Answered, Answerer } from './answerer.ts'

export interface AnswerHttpParts {
  readonly answerer: Answerer
  readonly log: Logger
  readonly isReady: () => boolean
  /** Prometheus text. */
  readonly metrics: () => string
}

export function createAnswerHttp({ answerer, log, isReady, metrics }: AnswerHttpParts): HttpHandler {
  const renderAnswer = createAnswerRenderer()
  const pages: Pages<HttpRequest> = {
    post: (request, minBlock) => post(request, minBlock, { answerer, log, renderAnswer }),
    isReady,
    notReady: 'the end of the feed has not been reached yet, or the feed is silent',
    metrics,
  }
  return (request) => answerHttp(request, undefined, pages)
}

type PostParts = Pick<AnswerHttpParts, 'answerer' | 'log'> & { readonly renderAnswer: AnswerRenderer }

/** At once where the answerer answers at once. */
function post(
  request: HttpRequest,
  minBlock: number,
  { answerer, log, renderAnswer }: PostParts,
): RpcHttpResponse | Promise<RpcHttpResponse> {
  const failed = (thrown: unknown): RpcHttpResponse => {
    // The store cannot be read, or this is a bug: one request ends, and somebody is told. Nobody waits for one that was aborted.
    if (!request.signal.aborted)
      log.error('a request failed', { error: messageOf(thrown), code: faultCode(thrown) })
    return json(500, errorText('null', { code: CODE.internal, message: 'internal error' }))
  }
  try {
    const answer = answerer.answer(request.body, new UserContext(request, minBlock))
    return answer instanceof Promise
      ? answer.then((later) => render(later, renderAnswer)).catch(failed)
      : render(answer, renderAnswer)
  } catch (thrown) {
    return failed(thrown)
  }
}

class UserContext implements RequestContext {
  readonly minBlock: number
  readonly #request: HttpRequest

  constructor(request: HttpRequest, minBlock: number) {
    this.#request = request
    this.minBlock = minBlock
  }

  /** Not before it is asked for: a server may make it then. */
  get signal(): AbortSignal {
    return this.#request.signal
  }
}

function textOf(item: Exclude<AnswerItem, { kind: 'silent' }>): ResponseText {
  return item.kind === 'forward' ? item.otherwise : item.kind === 'encoded' ? item.parts : item.json
}

function render(answer: Answered, renderAnswer: AnswerRenderer): RpcHttpResponse {
  assert(!('kind' in answer), 'only a gateway, which names a head, is told to ask elsewhere')
  const { batch, items, block, verifiedNumber, free } = answer
  const jsons: ResponseText[] = []
  let retry = true
  for (const item of items) {
    if (item.kind === 'silent') continue
    retry &&= item.kind === 'retry'
    jsons.push(textOf(item))
  }
  const response = renderAnswer({ batch, jsons, retry: retry && jsons.length > 0, block, verifiedNumber })
  return free === undefined ? response : { ...response, taken: free }
}
