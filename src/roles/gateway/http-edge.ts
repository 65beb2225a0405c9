/**
 * HTTP with users: POST / takes JSON-RPC as geth does, GET /live, /ready, /metrics and /status are for operators. Every request has a
 * time, a size and a turn; what exceeds them is refused with a code that users' libraries try again. A user cannot choose the head
 * (X-Head is read from gateways by replicas only, and not passed on), only the least block that will do (X-Min-Block).
 */
import type { Clock } from '#ports/clock.ts'
import type { HttpRequest, HttpResponse } from '#ports/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { MeterRegistry } from '#ports/meter-registry.ts'
import type { Admission } from './admission.ts'
import { type Calls, readCalls } from './calls.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { Rate } from './rate.ts'
import type { Solution, Solver } from './solver.ts'
import type { GatewayStatus } from './status.ts'

const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/json-rpc',
  'application/jsonrequest',
])
const RETRY_AFTER = { 'retry-after': '1' }
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'X-Block-Number, X-Block-Hash, X-Verified-Number, X-Drover-Forwarded, Retry-After',
}
const PREFLIGHT = {
  ...CORS,
  'access-control-allow-methods': 'POST, GET, OPTIONS',
  'access-control-allow-headers': 'Content-Type, X-Min-Block',
  'access-control-max-age': '600',
}

export interface HttpEdgeParts {
  readonly solver: Solver
  readonly admission: Admission
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: GatewayMetrics
  readonly meter: MeterRegistry
  readonly rate: Rate
  readonly isReady: () => boolean
  readonly status: () => GatewayStatus
}

export function createHttpEdge(
  options: { readonly bodyBytesMax: number; readonly requestTimeMaxMs: number },
  parts: HttpEdgeParts,
): (request: HttpRequest) => Promise<HttpResponse> {
  const { clock, metrics } = parts

  const solve = async (calls: Calls, minBlock: number, signal: AbortSignal): Promise<HttpResponse> => {
    const startMs = clock.nowMs()
    metrics.calls.add(calls.items.length)
    const untilMs = startMs + options.requestTimeMaxMs
    const solution = await parts.admission.run(calls.body.length, () =>
      parts.solver.solve(calls, { minBlock, untilMs, signal }),
    )
    metrics.requestSeconds.observe((clock.nowMs() - startMs) / 1_000)
    if (solution === undefined) {
      metrics.requests.add(1, { outcome: 'overloaded' })
      return json(503, rpcError(-32005, 'too many requests, try again'), RETRY_AFTER)
    }
    metrics.requests.add(1, { outcome: solution.retryLater ? 'unavailable' : 'answered' })
    return render(calls, solution)
  }

  const post = (request: HttpRequest): HttpResponse | Promise<HttpResponse> => {
    const { body, headers, signal } = request
    if (!JSON_TYPES.has(mediaType(headers['content-type'])))
      return text(415, 'invalid content type, only application/json is supported')
    if (body.length > options.bodyBytesMax)
      return text(413, `content length too large (${body.length}>${options.bodyBytesMax})`)
    const minBlock = readMinBlock(headers['x-min-block'])
    if (minBlock === undefined) return json(400, rpcError(-32600, 'X-Min-Block is not a block number'))
    if (body.length === 0) return text(200, '') // nothing was asked, as geth sees it
    parts.rate.count()
    const calls = readCalls(body)
    return typeof calls === 'string' ? json(200, calls) : solve(calls, minBlock, signal)
  }

  const get: Readonly<Record<string, () => HttpResponse>> = {
    '/': () => text(200, ''), // load balancers look here
    '/live': () => text(200, 'live'),
    '/ready': () =>
      parts.isReady()
        ? text(200, 'ready')
        : { ...text(503, 'no replica holds a head to serve'), headers: { ...CORS, ...RETRY_AFTER } },
    '/metrics': () => ({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4' },
      body: parts.meter.render(),
    }),
    '/status': () => json(200, JSON.stringify(parts.status())),
  }

  return async (request) => {
    const path = request.target.split('?')[0] as string
    if (request.method === 'POST' && path === '/') return post(request)
    if (request.method === 'OPTIONS') return { status: 204, headers: PREFLIGHT, body: '' }
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'method not allowed')
    return Object.hasOwn(get, path) ? (get[path] as () => HttpResponse)() : text(404, 'not found')
  }
}

function render(calls: Calls, solution: Solution): HttpResponse {
  const { head, verifiedNumber, jsons } = solution
  const headers = {
    ...(head && { 'x-block-number': String(head.head.number), 'x-block-hash': head.head.hash }),
    ...(verifiedNumber !== undefined && { 'x-verified-number': String(verifiedNumber) }),
    ...(solution.forwarded && { 'x-drover-forwarded': '1' }),
    ...(solution.retryLater && RETRY_AFTER),
    'cache-control': 'no-store',
  }
  // Notifications alone are answered with nothing, as geth does.
  const body = jsons.length === 0 ? '' : calls.batch ? `[${jsons.join(',')}]` : (jsons[0] as string)
  return json(solution.retryLater ? 503 : 200, body, headers)
}

function mediaType(header: string | undefined): string {
  return (header ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** Decimal or 0x; 0 where there is none; undefined for anything else. */
function readMinBlock(header: string | undefined): number | undefined {
  if (header === undefined) return 0
  const number = /^(\d{1,16}|0x[0-9a-f]{1,14})$/i.test(header) ? Number(header) : Number.NaN
  return Number.isSafeInteger(number) ? number : undefined
}

function rpcError(code: number, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } })
}

function json(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers: { 'content-type': 'application/json', ...CORS, ...headers }, body }
}

function text(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...CORS }, body }
}
