import assert from 'node:assert/strict'
import test from 'node:test'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { silent } from '#ports/logger.ts'
import type { HttpRequest } from '#ports/net/http.ts'
import type { Answer, AnswerItem } from '#rpc/answer.ts'
import { createAnswerHttp } from './answer-http.ts'
import type { RequestContext } from './answer-body.ts'

const HASH = `0x${'ab'.repeat(32)}` as BlockHash

function edge(items: readonly AnswerItem[] = [], { batch = false, isReady = true, fails = false } = {}) {
  const asked: RequestContext[] = []
  const logged: string[] = []
  const handle = createAnswerHttp({
    answerer: {
      async answer(_body, context) {
        asked.push(context)
        if (fails) throw new Fault('store/damaged', 'the store is damaged')
        return { batch, items, block: { number: 7, hash: HASH }, verifiedNumber: 5 } satisfies Answer
      },
      served: () => assert.fail('nobody asks'),
      rest: () => {},
    },
    log: { ...silent, error: (message, fields) => logged.push(`${message}: ${fields?.['error']}`) },
    isReady: () => isReady,
    metrics: () => 'drover_up 1\n',
  })
  const ask = (request: Partial<HttpRequest> = {}) =>
    handle({
      method: 'POST',
      target: '/',
      headers: { 'content-type': 'application/json' },
      body: utf8('{}'),
      remote: '192.0.2.1',
      signal: new AbortController().signal,
      ...request,
    })
  return { ask, asked, logged }
}
const answered = (json: string): AnswerItem => ({ kind: 'answered', json })
const retry = (json: string): AnswerItem => ({ kind: 'retry', json })
const forward: AnswerItem = { kind: 'forward', request: '{}', otherwise: '"otherwise"' }
const silentItem: AnswerItem = { kind: 'silent' }

test('an answer names its block, so that browsers may read it too', async () => {
  const { status, headers, body } = await edge([answered('1')]).ask()
  assert.equal(status, 200)
  assert.equal(body, '1')
  assert.equal(headers['x-block-number'], '7')
  assert.equal(headers['x-block-hash'], HASH)
  assert.equal(headers['x-verified-number'], '5')
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['access-control-allow-origin'], '*')
  assert.match(
    headers['access-control-expose-headers'] as string,
    /X-Block-Number, X-Block-Hash, X-Verified-Number/,
  )
})

test('a batch is a list without its notifications; notifications alone are answered with nothing', async () => {
  const many = edge([answered('1'), silentItem, forward], { batch: true })
  assert.equal((await many.ask()).body, '[1,"otherwise"]')
  assert.equal((await edge([silentItem], { batch: true }).ask()).body, '')
})

test('the status says "try again" only if every call failed so', async () => {
  const all = await edge([retry('1'), silentItem, retry('2')], { batch: true }).ask()
  assert.deepEqual([all.status, all.headers['retry-after'], all.body], [503, '1', '[1,2]'])
  const some = await edge([retry('1'), answered('2')], { batch: true }).ask()
  assert.deepEqual([some.status, some.headers['retry-after']], [200, undefined])
})

test('X-Min-Block is a number, decimal or hex; a head cannot be chosen', async () => {
  const { ask, asked } = edge([answered('1')])
  const type = { 'content-type': 'application/json' }
  for (const [header, minBlock] of [
    ['12', 12],
    ['0x1F', 31],
    [undefined, 0],
  ] as const) {
    await ask({ headers: { ...type, 'x-min-block': header, 'x-head': `9:${HASH}` } })
    assert.equal(asked.at(-1)?.minBlock, minBlock)
    assert.equal(asked.at(-1)?.head, undefined)
  }
  for (const header of ['', '-1', '1.5', 'latest', '9'.repeat(30)])
    assert.equal((await ask({ headers: { ...type, 'x-min-block': header } })).status, 400, header)
})

test('what is no JSON-RPC request is refused as geth refuses it', async () => {
  const { ask, asked } = edge()
  for (const type of ['text/plain', 'application/jsonx', undefined]) {
    const { status, body } = await ask({ headers: { 'content-type': type } })
    assert.deepEqual([status, body], [415, 'invalid content type, only application/json is supported'])
  }
  for (const method of ['PUT', 'DELETE', 'PATCH'])
    assert.deepEqual(pick(await ask({ method })), [405, 'method not allowed'])
  assert.deepEqual(pick(await ask({ body: new Uint8Array(0) })), [200, ''])
  assert.equal(asked.length, 0)
  for (const type of ['application/json; charset=utf-8', 'application/json-rpc', 'application/jsonrequest'])
    assert.equal((await edge([answered('1')]).ask({ headers: { 'content-type': type } })).status, 200)
})

test('browsers are told what they may send', async () => {
  const { status, headers } = await edge().ask({ method: 'OPTIONS' })
  assert.equal(status, 204)
  assert.equal(headers['access-control-allow-headers'], 'Content-Type, X-Min-Block')
  assert.match(headers['access-control-allow-methods'] as string, /POST/)
})

test('operators see whether it lives, whether it is ready, and its meters', async () => {
  const get = async (target: string, isReady = true) =>
    pick(await edge([], { isReady }).ask({ method: 'GET', target }))
  assert.deepEqual(await get('/'), [200, ''])
  assert.deepEqual(await get('/live', false), [200, 'live'])
  assert.deepEqual(await get('/ready'), [200, 'ready'])
  assert.equal((await get('/ready', false))[0], 503)
  assert.deepEqual(await get('/metrics?x=1'), [200, 'drover_up 1\n'])
  assert.equal((await get('/toString'))[0], 404)
})

test('a store that cannot be read fails one request, and the log says why', async () => {
  const { ask, logged } = edge([], { fails: true })
  const { status, body } = await ask()
  assert.equal(status, 500)
  assert.equal(JSON.parse(body as string).error.code, -32603)
  assert.deepEqual(logged, ['a request failed: the store is damaged'])
})

function pick({ status, body }: { status: number; body: unknown }): unknown[] {
  return [status, body]
}
