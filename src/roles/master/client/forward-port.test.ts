import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '#kernel/fault.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { RpcOutcome } from './calls.ts'
import type { ExecutionClient } from './client.ts'
import { createForwardPort } from './forward-port.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'

const meter = createMeterRegistry()
const metrics = createMasterMetrics(meter)

function portTo(ask: (method: string, params: readonly unknown[]) => Promise<RpcOutcome>, secret?: string) {
  const client: ExecutionClient = {
    ask,
    call: () => assert.fail('the forward port only asks'),
    connected: () => true,
    run: async () => {},
  }
  const handler = createForwardPort(
    { host: '127.0.0.1', secret },
    { client, metrics, renderMetrics: meter.render, maintenance: () => undefined },
  )
  return async (body: unknown, headers: Record<string, string> = {}, method = 'POST', target = '/') => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const request = {
      method,
      target,
      headers,
      body: new TextEncoder().encode(text),
      remote: '192.0.2.1',
      signal: new AbortController().signal,
    }
    const response = await handler(request)
    return {
      status: response.status,
      text: String(response.body),
      json: response.status === 200 && method === 'POST' ? JSON.parse(String(response.body)) : undefined,
    }
  }
}

const echo = async (method: string, params: readonly unknown[]): Promise<RpcOutcome> => ({
  result: [method, ...params],
})

test('an allowed call is passed on and keeps its id', async () => {
  const { json } = await portTo(echo)({
    jsonrpc: '2.0',
    id: 'a',
    method: 'eth_getBalance',
    params: ['0x1', 'pending'],
  })
  assert.deepEqual(json, { jsonrpc: '2.0', id: 'a', result: ['eth_getBalance', '0x1', 'pending'] })
})

test('JSON-RPC is taken at / alone, and a wish of maintenance before the master has begun is no call', async () => {
  const port = portTo(echo)
  const call = { jsonrpc: '2.0', id: 1, method: 'eth_gasPrice', params: [] }
  assert.equal((await port(call, {}, 'POST', '/elsewhere')).status, 404)
  for (const method of ['POST', 'GET'])
    assert.equal((await port({ do: 'begin', reason: 'r' }, {}, method, '/maintenance')).status, 503)
})

test('whatever could change the client is not there', async () => {
  for (const method of [
    'admin_peers',
    'debug_traceBlockByHash',
    'engine_newPayloadV4',
    'anvil_setBalance',
    'evm_mine',
    'eth_sign',
  ]) {
    const { json } = await portTo(() => assert.fail('it was passed on'))({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: [],
    })
    assert.deepEqual(json.error, {
      code: -32601,
      message: `the method ${method} does not exist/is not available`,
    })
  }
})

test('a batch is answered in order and has a limit', async () => {
  const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'eth_getCode', params: [id] })
  const { json } = await portTo(echo)([call(1), { id: 2, method: 'nope', params: [] }, call(3)])
  assert.deepEqual(
    json.map((answer: { id: number }) => answer.id),
    [1, 2, 3],
  )
  const tooMany = await portTo(echo)(Array.from({ length: 101 }, (_, id) => call(id)))
  assert.equal(tooMany.json.error.code, -32600)
  assert.equal((await portTo(echo)([])).json.error.message, 'empty batch')
})

test('a client that is away gives a code that is retried, its own errors come in geth words', async () => {
  const away = portTo(async () => {
    throw new Fault('master/client-lost', 'away')
  })
  assert.equal((await away({ id: 1, method: 'eth_call', params: [] })).json.error.code, -32005)
  const anvil = portTo(async () => ({ error: { code: -32003, message: 'transaction already imported' } }))
  assert.deepEqual((await anvil({ id: 1, method: 'eth_sendRawTransaction', params: ['0x'] })).json.error, {
    code: -32000,
    message: 'already known',
  })
})

test('parameters that are null are none, and those that are no list are refused as geth does it', async () => {
  const ask = async (params: unknown): Promise<unknown> =>
    (await portTo(echo)({ id: 1, method: 'txpool_content', params })).json
  assert.deepEqual(await ask(null), { jsonrpc: '2.0', id: 1, result: ['txpool_content'] })
  for (const params of [5, {}, 'a'])
    assert.deepEqual(await ask(params), {
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32602, message: 'non-array args' },
    })
})

test('with a secret only those who know it are answered; beyond loopback there must be one', async () => {
  const port = portTo(echo, 'sesame')
  const call = { id: 1, method: 'eth_getCode', params: [] }
  assert.equal((await port(call)).status, 401)
  assert.equal((await port(call, { authorization: 'Bearer sesam' })).status, 401)
  assert.equal((await port(call, { authorization: 'Bearer sesame' })).status, 200)
  assert.throws(
    () =>
      createForwardPort(
        { host: '0.0.0.0', secret: undefined },
        { client: {} as ExecutionClient, metrics, renderMetrics: meter.render, maintenance: () => undefined },
      ),
    { code: 'master/forward-open' },
  )
})

test('what is not JSON-RPC is told so', async () => {
  assert.equal((await portTo(echo)('{')).json.error.code, -32700)
  assert.equal((await portTo(echo)('7')).json.error.code, -32600)
  assert.equal((await portTo(echo)({ id: 1, method: 5 })).json.error.code, -32600)
  assert.equal((await portTo(echo)({ id: 1 }, {}, 'PUT')).status, 405)
})

test('operators see that it lives and what it counts, with the secret where there is one', async () => {
  metrics.published.add(3)
  const get = (target: string, headers = {}) => portTo(echo, 'sesame')('', headers, 'GET', target)
  const authorization = { authorization: 'Bearer sesame' }
  assert.equal((await get('/metrics')).status, 401)
  assert.match((await get('/metrics', authorization)).text, /^drover_master_published_frames_total 3$/m)
  assert.equal((await get('/live', authorization)).text, 'live')
  assert.equal((await get('/', authorization)).status, 404)
})
