/** HTTP with users: every request has a time, a size and a turn; what exceeds them is refused with a code that users' libraries try again. */
import type { Clock } from '#ports/clock.ts'
import type { HttpHandler, HttpRequest } from '#ports/net/http.ts'
import type { MeterRegistry } from '#ports/meter/meter-registry.ts'
import { CODE, errorText } from '#rpc/errors.ts'
import {
  answerHttp,
  createAnswerRenderer,
  json,
  type Pages,
  RETRY_AFTER,
  type RpcHttpResponse,
} from '#rpc/http.ts'
import type { Admission } from './route/admission.ts'
import { type Calls, readCalls } from './forward/calls.ts'
import { type Glance, glanceAt } from './forward/glance.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { Rate } from './route/rate.ts'
import type { Asker } from './route/replica-link.ts'
import type { Solver } from './route/solver.ts'
import type { GatewayStatus } from './status.ts'

const ANSWERED = { outcome: 'answered' }
const UNAVAILABLE = { outcome: 'unavailable' }
const OVERLOADED = { outcome: 'overloaded' }

export interface HttpEdgeParts {
  readonly solver: Solver
  readonly admission: Admission
  readonly clock: Clock
  readonly metrics: GatewayMetrics
  readonly meter: MeterRegistry
  readonly rate: Rate
  readonly isReady: () => boolean
  readonly status: () => GatewayStatus
}

export function createHttpEdge(
  options: { readonly bodyBytesMax: number; readonly requestTimeMaxMs: number },
  parts: HttpEdgeParts,
): HttpHandler {
  const { clock, metrics } = parts
  const renderAnswer = createAnswerRenderer()

  const solve = async (asked: Glance | Calls, minBlock: number, asker: Asker): Promise<RpcHttpResponse> => {
    const startMs = clock.nowMs()
    metrics.calls.add(asked.count)
    const untilMs = startMs + options.requestTimeMaxMs
    const solution = await parts.admission.run(asked.body.length, () =>
      parts.solver.solve(asked, { minBlock, untilMs, asker }),
    )
    metrics.requestSeconds.observe((clock.nowMs() - startMs) / 1_000)
    if (solution === undefined) {
      metrics.requests.add(1, OVERLOADED)
      return json(
        503,
        errorText('null', { code: CODE.limit, message: 'too many requests, try again' }),
        RETRY_AFTER,
      )
    }
    if (typeof solution === 'string') return json(200, solution)
    const { batch, head, verifiedNumber, retryLater, forwarded, jsons, free } = solution
    metrics.requests.add(1, retryLater ? UNAVAILABLE : ANSWERED)
    const response = renderAnswer({
      batch,
      jsons,
      retry: retryLater,
      forwarded,
      block: head?.head,
      verifiedNumber,
    })
    return free === undefined ? response : { ...response, taken: free }
  }

  const pages: Pages<HttpRequest> = {
    post(request, minBlock) {
      parts.rate.count()
      const asked = glanceAt(request.body) ?? readCalls(request.body)
      return typeof asked === 'string' ? json(200, asked) : solve(asked, minBlock, request)
    },
    isReady: parts.isReady,
    notReady: 'no replica holds a head to serve',
    metrics: () => parts.meter.render(),
    more: { '/status': () => json(200, JSON.stringify(parts.status())) },
  }
  return (request) => answerHttp(request, options.bodyBytesMax, pages)
}
