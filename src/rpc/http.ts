/**
 * JSON-RPC over HTTP as geth speaks it, the part that replicas and gateways have in common: POST / takes a body, GET serves operators'
 * pages, everything else is refused in geth's words. A user may ask for a least block (X-Min-Block), never for a head.
 */
import type { ResponseText } from './answer.ts'
import { CODE, errorText } from './errors.ts'

/** What this layer needs of a request and gives as a response; the HTTP port's types fit. */
export interface RpcHttpRequest {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}
export interface RpcHttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ResponseText
  readonly taken?: () => void
}

const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/json-rpc',
  'application/jsonrequest',
])
export const RETRY_AFTER = { 'retry-after': '1' }
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'X-Block-Number, X-Block-Hash, X-Verified-Number, X-Drover-Forwarded, Retry-After',
}
const JSON_HEADERS = { 'content-type': 'application/json', ...CORS }
const PREFLIGHT = {
  ...CORS,
  'access-control-allow-methods': 'POST, GET, OPTIONS',
  'access-control-allow-headers': 'Content-Type, X-Min-Block',
  'access-control-max-age': '600',
}

export interface Pages<R extends RpcHttpRequest> {
  /** POST / with a body, and the least block that will do (0: any). */
  post(request: R, minBlock: number): RpcHttpResponse | Promise<RpcHttpResponse>
  readonly isReady: () => boolean
  /** Why it is not ready. */
  readonly notReady: string
  /** Prometheus text. */
  readonly metrics: () => string
  /** Further GET pages by path. */
  readonly more?: Readonly<Record<string, () => RpcHttpResponse>>
}

/** @param bodyBytesMax undefined where the server has refused longer ones already */
export function answerHttp<R extends RpcHttpRequest>(
  request: R,
  bodyBytesMax: number | undefined,
  pages: Pages<R>,
): RpcHttpResponse | Promise<RpcHttpResponse> {
  const { target } = request
  const path = target.includes('?') ? target.slice(0, target.indexOf('?')) : target
  if (request.method === 'POST' && path === '/') return answerPost(request, bodyBytesMax, pages)
  if (request.method === 'OPTIONS') return { status: 204, headers: PREFLIGHT, body: '' }
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'method not allowed')
  return answerGet(path, pages)
}

type GetPages = Omit<Pages<RpcHttpRequest>, 'post'>

function answerGet(path: string, { isReady, notReady, metrics, more }: GetPages): RpcHttpResponse {
  switch (path) {
    case '/': // load balancers look here
      return text(200, '')
    case '/live':
      return text(200, 'live')
    case '/ready':
      return isReady() ? text(200, 'ready') : text(503, notReady, RETRY_AFTER)
    case '/metrics':
      return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4' }, body: metrics() }
    default:
      return more !== undefined && Object.hasOwn(more, path)
        ? (more[path] as () => RpcHttpResponse)()
        : text(404, 'not found')
  }
}

function answerPost<R extends RpcHttpRequest>(
  request: R,
  bodyBytesMax: number | undefined,
  pages: Pages<R>,
): RpcHttpResponse | Promise<RpcHttpResponse> {
  const { headers, body } = request
  if (body.length === 0) return text(200, '') // nothing was asked, as geth sees it
  if (!isJsonType(headers['content-type'] ?? ''))
    return text(415, 'invalid content type, only application/json is supported')
  if (bodyBytesMax !== undefined && body.length > bodyBytesMax)
    return text(413, `content length too large (${body.length}>${bodyBytesMax})`)
  const minBlock = minBlockOf(headers['x-min-block'])
  if (minBlock === undefined)
    return json(
      400,
      errorText('null', { code: CODE.invalidRequest, message: 'X-Min-Block is not a block number' }),
    )
  return pages.post(request, minBlock)
}

function isJsonType(field: string): boolean {
  // As most write it.
  return field === 'application/json' || JSON_TYPES.has((field.split(';')[0] as string).trim().toLowerCase())
}

/** What a body's answers say beside their texts. */
export interface AnswerFacts {
  readonly batch: boolean
  /** Response objects in order, without notifications. */
  readonly jsons: readonly ResponseText[]
  /** All of them failed in a way that is worth trying again. */
  readonly retry: boolean
  readonly block?: { readonly number: number; readonly hash: string } | undefined
  readonly verifiedNumber?: number | undefined
  readonly forwarded?: boolean | undefined
}

export type AnswerRenderer = (facts: AnswerFacts) => RpcHttpResponse

/** Answers in a row are at one block as a rule: they share their headers, which a server may know again by their identity. */
export function createAnswerRenderer(): AnswerRenderer {
  let last: Said | undefined
  let headers: Readonly<Record<string, string>> = {}
  return (facts) => {
    const { batch, jsons, retry, block, verifiedNumber, forwarded } = facts
    if (last === undefined || !isSame(last, facts)) {
      last = { retry, block, verifiedNumber, forwarded }
      headers = headersOf(last)
    }
    // Notifications alone are answered with nothing, as geth does.
    const body = jsons.length === 0 ? '' : batch ? listOf(jsons) : (jsons[0] as ResponseText)
    return { status: retry ? 503 : 200, headers, body }
  }
}

/** What headers say. */
type Said = Pick<AnswerFacts, 'retry' | 'block' | 'verifiedNumber' | 'forwarded'>

function isSame(a: Said, b: Said): boolean {
  const sameBlock =
    a.block === b.block || (a.block?.number === b.block?.number && a.block?.hash === b.block?.hash)
  return (
    sameBlock && a.verifiedNumber === b.verifiedNumber && a.retry === b.retry && a.forwarded === b.forwarded
  )
}

function headersOf({ block, verifiedNumber, forwarded, retry }: Said): Record<string, string> {
  return {
    ...JSON_HEADERS,
    ...(block && { 'x-block-number': String(block.number), 'x-block-hash': block.hash }),
    ...(verifiedNumber !== undefined && { 'x-verified-number': String(verifiedNumber) }),
    ...(forwarded && { 'x-drover-forwarded': '1' }),
    ...(retry && RETRY_AFTER),
    'cache-control': 'no-store',
  }
}

/** As one text where all are texts, else in parts. */
function listOf(jsons: readonly ResponseText[]): ResponseText {
  if (jsons.every((one) => typeof one === 'string')) return `[${jsons.join(',')}]`
  return [
    ...jsons.flatMap((one, i) => [i === 0 ? '[' : ',', ...(typeof one === 'string' ? [one] : one)]),
    ']',
  ]
}

export function json(
  status: number,
  body: ResponseText,
  headers: Readonly<Record<string, string>> = {},
): RpcHttpResponse {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body }
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): RpcHttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...CORS, ...headers }, body }
}

/** Decimal or 0x; 0 where there is none; undefined for anything else. */
function minBlockOf(header: string | undefined): number | undefined {
  if (header === undefined) return 0
  return /^(\d{1,15}|0x[0-9a-fA-F]{1,13})$/.test(header) ? Number(header) : undefined
}
