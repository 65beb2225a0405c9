/**
 * A replica's own HTTP: POST / takes JSON-RPC as geth does; /live, /ready and /metrics are for operators. Users may ask for a least block
 * (X-Min-Block), never for a head.
 */
import { assert } from '#kernel/assert.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '#ports/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { Answer } from '#rpc/answer.ts'
import { CODE, errorText } from '#rpc/errors.ts'
import type { Answerer } from './answerer.ts'

const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/json-rpc',
  'application/jsonrequest',
])
const RETRY_AFTER = { 'retry-after': '1' }
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'X-Block-Number, X-Block-Hash, X-Verified-Number, Retry-After',
}
const PREFLIGHT = {
  ...CORS,
  'access-control-allow-methods': 'POST, GET, OPTIONS',
  'access-control-allow-headers': 'Content-Type, X-Min-Block',
  'access-control-max-age': '600',
}

export interface AnswerHttpParts {
  readonly answerer: Answerer
  readonly log: Logger
  readonly isReady: () => boolean
  /** Prometheus text. */
  readonly metrics: () => string
}

export function createAnswerHttp({ answerer, log, isReady, metrics }: AnswerHttpParts): HttpHandler {
  const get: Readonly<Record<string, () => HttpResponse>> = {
    '/': () => text(200, ''), // load balancers look here
    '/live': () => text(200, 'live'),
    '/ready': () =>
      isReady() ? text(200, 'ready') : text(503, 'the end of the feed has not been reached yet', RETRY_AFTER),
    '/metrics': () => ({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4' },
      body: metrics(),
    }),
  }
  return async (request) => {
    const path = request.target.split('?')[0] as string
    if (request.method === 'POST' && path === '/') return post(request, answerer, log)
    if (request.method === 'OPTIONS') return { status: 204, headers: PREFLIGHT, body: '' }
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'method not allowed')
    return Object.hasOwn(get, path) ? (get[path] as () => HttpResponse)() : text(404, 'not found')
  }
}

async function post(
  { headers, body, signal }: HttpRequest,
  answerer: Answerer,
  log: Logger,
): Promise<HttpResponse> {
  if (body.length === 0) return text(200, '') // as geth, for load balancers
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (!JSON_TYPES.has(type)) return text(415, 'invalid content type, only application/json is supported')
  const minBlock = minBlockOf(headers['x-min-block'])
  if (minBlock === undefined) {
    return json(
      400,
      errorText('null', { code: CODE.invalidRequest, message: 'X-Min-Block is not a block number' }),
    )
  }
  try {
    const answer = await answerer.answer(body, { minBlock, signal })
    assert(!('kind' in answer), 'only a gateway, which names a head, is told that it is not held')
    return render(answer)
  } catch (thrown) {
    // The store cannot be read, or this is a bug: one request ends, and somebody is told. Nobody waits for one that was aborted.
    if (!signal.aborted) log.error('a request failed', { error: messageOf(thrown), code: faultCode(thrown) })
    return json(500, errorText('null', { code: CODE.internal, message: 'internal error' }))
  }
}

function render({ batch, items, block, verifiedNumber }: Answer): HttpResponse {
  const said = items.filter((item) => item.kind !== 'silent')
  const texts = said.map((item) => (item.kind === 'forward' ? item.otherwise : item.json))
  const retry = said.length > 0 && said.every(({ kind }) => kind === 'retry')
  const facts = {
    ...(block && { 'x-block-number': String(block.number), 'x-block-hash': block.hash }),
    ...(verifiedNumber !== undefined && { 'x-verified-number': String(verifiedNumber) }),
    ...(retry && RETRY_AFTER),
  }
  // Notifications alone are answered with nothing, as geth does.
  const body = texts.length === 0 ? '' : batch ? `[${texts.join(',')}]` : (texts[0] as string)
  return json(retry ? 503 : 200, body, facts)
}

/** Decimal or 0x; 0 where there is none; undefined for anything else. */
function minBlockOf(header: string | undefined): number | undefined {
  if (header === undefined) return 0
  return /^(\d{1,15}|0x[0-9a-fA-F]{1,13})$/.test(header) ? Number(header) : undefined
}

function json(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers: { 'content-type': 'application/json', ...CORS, ...headers }, body }
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...CORS, ...headers }, body }
}
