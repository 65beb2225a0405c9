/**
 * The forward port: what replicas cannot answer (transactions on their way, pending, the pool, history below the horizon) passed to the
 * execution client. It stands between a cluster's gateways and an unprotected client, so a list says what passes, everything has a
 * limit, and beyond loopback a shared secret is asked for. Answers come in geth's dialect whatever the client speaks. GET /live and
 * /metrics are for operators.
 */
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '#ports/net/http.ts'
import type { RpcError } from './calls.ts'
import type { ExecutionClient } from './client.ts'
import { methodNotFound, toGethDialect } from './dialect.ts'
import type { Maintenance } from '#roles/master/maintenance/maintenance.ts'
import { maintenancePage } from '#roles/master/maintenance/maintenance-page.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'
import { masterLimits } from '#roles/master/limits.ts'

const BATCH_MAX = masterLimits.forwardBatchCallsMax.value
const REQUESTS_IN_FLIGHT_MAX = masterLimits.forwardRequestsMax.value

/** Nothing here changes the client itself (no admin, engine, miner, personal, anvil or evm methods). */
export const FORWARDED: ReadonlySet<string> = new Set([
  'eth_sendRawTransaction', 'eth_getTransactionByHash', 'eth_getTransactionReceipt', 'eth_getTransactionCount', 'eth_getBalance',
  'eth_getCode', 'eth_getStorageAt', 'eth_getProof', 'eth_call', 'eth_estimateGas', 'eth_createAccessList', 'eth_simulateV1',
  'eth_getBlockByNumber', 'eth_getBlockByHash', 'eth_getHeaderByNumber', 'eth_getHeaderByHash', 'eth_getStorageValues', 'eth_getBlockReceipts', 'eth_getBlockTransactionCountByNumber',
  'eth_getBlockTransactionCountByHash', 'eth_getTransactionByBlockNumberAndIndex', 'eth_getTransactionByBlockHashAndIndex',
  'eth_getRawTransactionByHash', 'eth_getRawTransactionByBlockNumberAndIndex', 'eth_getRawTransactionByBlockHashAndIndex',
  'eth_getUncleByBlockHashAndIndex', 'eth_getUncleByBlockNumberAndIndex', 'eth_getUncleCountByBlockHash',
  'eth_getUncleCountByBlockNumber', 'debug_getRawTransaction', 'eth_getLogs', 'eth_gasPrice', 'eth_maxPriorityFeePerGas', 'eth_feeHistory', 'eth_blobBaseFee',
  'txpool_status', 'txpool_content', 'txpool_contentFrom', 'txpool_inspect',
]) // biome-ignore format: one table

interface Call {
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
}

/** @throws Fault master/forward-open where it would listen beyond loopback without a secret */
export function createForwardPort(
  options: { readonly host: string; readonly secret: string | undefined },
  parts: {
    readonly client: ExecutionClient
    readonly metrics: MasterMetrics
    /** Prometheus text. */
    readonly renderMetrics: () => string
    readonly maintenance: () => Maintenance | undefined
  },
): HttpHandler {
  if (options.secret === undefined && !isLoopback(options.host))
    throw new Fault(
      'master/forward-open',
      `the forward port would be open to everybody at ${options.host}: set --forward-secret, or listen on 127.0.0.1`,
      { host: options.host },
    )
  let inFlight = 0
  return async (request) => {
    const refused = refusal(request, options.secret)
    if (refused !== undefined) return refused
    const steered = maintenancePage(request, parts.maintenance())
    if (steered !== undefined) return steered
    if (request.method === 'GET' || request.target.split('?')[0] !== '/')
      return page(request.target, parts.renderMetrics)
    if (inFlight >= REQUESTS_IN_FLIGHT_MAX) return busy()
    inFlight++
    try {
      return await answer(request.body, parts)
    } finally {
      inFlight--
    }
  }
}

function refusal(request: HttpRequest, secret: string | undefined): HttpResponse | undefined {
  if (request.method !== 'POST' && request.method !== 'GET') return plain(405, 'use POST')
  if (secret !== undefined && !sameText(request.headers['authorization'] ?? '', `Bearer ${secret}`))
    return plain(401, 'the shared secret is missing or wrong')
  return undefined
}

function page(target: string, renderMetrics: () => string): HttpResponse {
  switch (target.split('?')[0]) {
    case '/live':
      return plain(200, 'live')
    case '/metrics':
      return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4' }, body: renderMetrics() }
    default:
      return plain(404, 'POST / takes JSON-RPC; GET /live and /metrics are for operators')
  }
}

type Parts = Parameters<typeof createForwardPort>[1]

async function answer(body: Uint8Array, parts: Parts): Promise<HttpResponse> {
  const calls = parse(body)
  if (calls === undefined) return json(failure(null, { code: -32700, message: 'parse error' }))
  if (!Array.isArray(calls)) return json((await answerOne(calls, parts)) ?? '')
  if (calls.length === 0) return json(failure(null, { code: -32600, message: 'empty batch' }))
  if (calls.length > BATCH_MAX) return json(failure(null, { code: -32600, message: 'batch too large' }))
  const answers = await Promise.all(calls.map((call) => answerOne(call, parts)))
  return json(`[${answers.filter((text) => text !== undefined).join(',')}]`)
}

async function answerOne(call: unknown, { client, metrics }: Parts): Promise<string | undefined> {
  if (typeof call !== 'object' || call === null)
    return failure(null, { code: -32600, message: 'invalid request' })
  const { id, method, params } = call as Call
  if (typeof method !== 'string') return failure(id ?? null, { code: -32600, message: 'invalid request' })
  if (!FORWARDED.has(method)) return failure(id ?? null, methodNotFound(method))
  const list = params ?? []
  // As geth says it: clients that are none refuse it in words of their own.
  if (!Array.isArray(list)) return failure(id ?? null, { code: -32602, message: 'non-array args' })
  metrics.forwarded.add(1)
  try {
    const outcome = await client.ask(method, list)
    if (id === undefined) return undefined
    if ('error' in outcome) return failure(id, toGethDialect(method, outcome.error))
    return JSON.stringify({ jsonrpc: '2.0', id, result: outcome.result ?? null })
  } catch (thrown) {
    // The client is away or slow: a code that users' libraries retry.
    if (faultCode(thrown) === undefined) throw thrown
    return failure(id ?? null, { code: -32005, message: messageOf(thrown) })
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined // answered as a parse error
  }
}

function failure(id: unknown, error: RpcError): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error })
}

function json(body: string): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

function plain(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body }
}

function busy(): HttpResponse {
  const error = { code: -32005, message: 'too many requests wait for the execution client' }
  return {
    status: 503,
    headers: { 'content-type': 'application/json', 'retry-after': '1' },
    body: failure(null, error),
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** Takes the same time wherever the texts begin to differ. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % b.length)
  return difference === 0
}
