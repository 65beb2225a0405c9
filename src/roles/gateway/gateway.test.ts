import assert from 'node:assert/strict'
import { test } from 'node:test'
import '#test/support/core.ts'
import { keccak256 } from '#core/keccak.ts'
import { fromHex, fromUtf8, toHex, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { type HttpClient, type HttpRequest, type HttpResponse, wholeBody } from '#ports/net/http.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { openScope } from '#ports/scope.ts'
import { createMemoryTransport } from '#ports/testing/memory-transport.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { startGateway } from './gateway.ts'
import { echoHead, headAt, startStubReplica } from './testing/stub-replica.ts'

type Master = (
  method: string,
  params: unknown[],
) => { result: unknown } | { error: { code: number; message: string } } | undefined

/** A whole gateway before stub replicas and masters, on virtual time. A master that gives undefined is away. */
async function rig(
  options: {
    masters?: Record<string, Master>
    replicas?: number
    inFlightMax?: number
    queuedMax?: number
  } = {},
) {
  const clock = createVirtualClock()
  const transport = createMemoryTransport(clock)
  const scope = openScope('test')
  const masters = options.masters ?? {}
  const asked: string[] = []
  const http: HttpClient = {
    async request(url, { body }) {
      const { method, params } = JSON.parse(String(body)) as { method: string; params: unknown[] }
      asked.push(`${url} ${method}`)
      const answer = masters[url]?.(method, params)
      if (answer === undefined) throw new Fault('net/unreachable', 'away')
      return { status: 200, headers: {}, body: utf8(JSON.stringify({ jsonrpc: '2.0', id: 1, ...answer })) }
    },
  }
  const addresses = Array.from({ length: options.replicas ?? 2 }, (_, i) => `replica-${i}:1`)
  const replicas = await Promise.all(
    addresses.map((address) => startStubReplica({ address, at: headAt(5) }, { transport, clock })),
  )
  const gateway = startGateway(
    {
      id: 'test',
      replicas: addresses,
      masters: Object.keys(masters),
      forwardSecret: undefined,
      bodyBytesMax: 10_000,
      requestTimeMaxMs: 5_000,
      clientRequestsMax: 512,
      requestsInFlightMax: options.inFlightMax ?? 100,
      requestsQueuedMax: options.queuedMax ?? 100,
    },
    {
      transport,
      http,
      clock,
      random: { bytes: (n) => new Uint8Array(n), unit: () => 0.5 },
      log: silent,
      meter: createMeterRegistry(),
    },
    scope,
  )
  await clock.advance(50)
  const post = async (body: string, headers: Record<string, string> = {}, ms = 1): Promise<HttpResponse> => {
    const request: HttpRequest = {
      method: 'POST',
      target: '/',
      headers: { 'content-type': 'application/json', ...headers },
      body: utf8(body),
      remote: '192.0.2.1',
      signal: new AbortController().signal,
    }
    const response = Promise.resolve(gateway.handle(request))
    await clock.advance(ms)
    return response
  }
  const call = async (method: string, params: unknown[] = [], ms = 1) =>
    JSON.parse(textOf(await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), {}, ms)))
  return { clock, transport, scope, addresses, replicas, gateway, post, call, asked }
}

function textOf(response: HttpResponse): string {
  return fromUtf8(wholeBody(response))
}

const RAW = `0x02${'11'.repeat(40)}`
const HASH = toHex(keccak256(fromHex(RAW)))

test('a batch is answered in order: what replicas know at one head, what masters know, what is no method, exact ids', async () => {
  const { post, replicas, scope } = await rig({
    masters: { 'http://m1': () => ({ result: { pending: '0x1' } }) },
  })
  const batch = [
    '{"jsonrpc":"2.0","id":9007199254740993,"method":"eth_getBalance","params":[]}',
    '{"jsonrpc":"2.0","id":"t","method":"txpool_status","params":[]}',
    '{"jsonrpc":"2.0","method":"eth_getBalance","params":[]}',
    '{"jsonrpc":"2.0","id":3,"method":"eth_nope"}',
    '5',
    '{"jsonrpc":"2.0","id":4,"method":"eth_blockNumber"}',
  ]
  for (const replica of replicas) {
    replica.answer = async (body, { head }) => ({
      ...echoHead(body, head),
      items: (JSON.parse(fromUtf8(body)) as { id?: unknown }[]).map(({ id }) =>
        id === undefined
          ? { kind: 'silent' as const }
          : {
              kind: 'answered' as const,
              json: `{"jsonrpc":"2.0","id":9007199254740993,"result":"${head.head.number}"}`,
            },
      ),
    })
  }
  const response = await post(`[${batch.join(',')}]`)
  assert.equal(response.status, 200)
  assert.equal(
    textOf(response),
    '[{"jsonrpc":"2.0","id":9007199254740993,"result":"105"},' +
      '{"jsonrpc":"2.0","id":"t","result":{"pending":"0x1"}},' +
      '{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"the method eth_nope does not exist/is not available"}},' +
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}},' +
      '{"jsonrpc":"2.0","id":4,"result":"0x69"}]',
  )
  assert.equal(response.headers['x-block-number'], '105')
  assert.equal(response.headers['x-drover-forwarded'], '1')
  assert.equal(
    replicas.reduce((sum, { asked }) => sum + asked.length, 0),
    1,
    'one sub-batch, at one head',
  )
  await scope.close()
})

test('a body that a glance takes for a replica is read where the answer says otherwise', async () => {
  const { post, asked, scope, replicas } = await rig({
    masters: { 'http://m1': () => ({ result: HASH }) },
  })
  for (const replica of replicas)
    replica.answer = (body, { head }) => {
      const text = fromUtf8(body)
      if (!text.endsWith('}')) return { batch: false, items: [{ kind: 'answered', json: 'no calls' }] }
      if (!text.includes('Raw')) return echoHead(body, head)
      const item = { kind: 'forward', request: text, otherwise: 'no client' } as const
      return { batch: false, items: [item], block: head.head }
    }
  const hidden = `{"jsonrpc":"2.0","id":7,"method":"eth_call","meth\\u006fd":"eth_sendRawTransaction","params":["${RAW}"]}`
  assert.equal(textOf(await post(hidden)), `{"jsonrpc":"2.0","id":7,"result":"${HASH}"}`)
  assert.deepEqual(asked, ['http://m1 eth_sendRawTransaction'])
  const cut = await post('{"jsonrpc":"2.0","id":7,"method":"eth_call"')
  assert.match(textOf(cut), /"code":-32700/)
  assert.equal(cut.headers['x-block-number'], undefined)
  const plain = await post('{"jsonrpc":"2.0","id":7,"method":"eth_call"}')
  assert.equal(plain.headers['x-block-number'], '105')
  await scope.close()
})

test('a transaction goes to every master; one that is away, or knew it before, costs nothing; a refusal is the real one', async () => {
  const known: Master = () => ({ error: { code: -32000, message: 'already known' } })
  const low: Master = () => ({ error: { code: -32000, message: 'nonce too low: next nonce 5, tx nonce 4' } })
  const takes: Master = () => ({ result: HASH })
  const send = async (masters: Record<string, Master>) => {
    const { call, asked, scope } = await rig({ masters })
    const answer = await call('eth_sendRawTransaction', [RAW])
    await scope.close()
    return { answer, asked: asked.length }
  }
  assert.deepEqual(await send({ 'http://a': takes, 'http://b': () => undefined }), {
    answer: { jsonrpc: '2.0', id: 1, result: HASH },
    asked: 2,
  })
  assert.equal(
    (await send({ 'http://a': known, 'http://b': () => undefined })).answer.result,
    HASH,
    'idempotent',
  )
  assert.match((await send({ 'http://a': low, 'http://b': low })).answer.error.message, /nonce too low/)
  assert.equal((await send({ 'http://a': () => undefined })).answer.error.code, -32005)
})

test('a transaction that no block has is asked of a master; where none can be asked nobody says that it does not exist', async () => {
  const forward = (body: Uint8Array) => ({
    batch: false,
    items: [
      {
        kind: 'forward' as const,
        request: fromUtf8(body),
        otherwise: '{"jsonrpc":"2.0","id":1,"result":null}',
      },
    ],
  })
  const ask = async (masters: Record<string, Master>) => {
    const { call, replicas, scope } = await rig({ masters })
    for (const replica of replicas) replica.answer = async (body) => forward(body)
    const answer = await call('eth_getTransactionByHash', [HASH])
    await scope.close()
    return answer
  }
  assert.equal((await ask({})).error.code, -32005)
  assert.equal((await ask({ 'http://a': () => ({ result: null }) })).result, null)
  const ahead = { hash: HASH, blockNumber: '0x70', blockHash: `0x${'1'.repeat(64)}`, transactionIndex: '0x0' }
  assert.equal(
    (await ask({ 'http://a': () => ({ result: ahead }) })).result.blockNumber,
    null,
    'a block above the served head is not shown',
  )
  const elsewhere = { ...ahead, blockNumber: '0x1' }
  assert.equal(
    (await ask({ 'http://a': () => ({ result: elsewhere }) })).result.blockHash,
    null,
    'nor is one of a branch that is not served, which replicas would have found',
  )
})

test('X-Min-Block waits for the head that it names, and is refused with a code that clients retry when it does not come', async () => {
  const { post, replicas, clock, scope } = await rig()
  clock.after(20, () => {
    for (const replica of replicas) replica.apply(headAt(6))
  })
  const body = '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}'
  assert.equal(JSON.parse(textOf(await post(body, { 'x-min-block': '106' }, 100))).result, 106)
  const late = await post(body, { 'x-min-block': '107' }, 1_000)
  assert.equal(late.status, 503)
  assert.equal(late.headers['retry-after'], '1')
  assert.equal(JSON.parse(textOf(late)).error.code, -32005)
  assert.equal((await post(body, { 'x-min-block': 'soon' })).status, 400)
  await scope.close()
})

test('over its limits the gateway refuses and lives: bodies, requests under way, nobody to ask', async () => {
  const { post, replicas, transport, addresses, clock, gateway, scope } = await rig({
    inFlightMax: 1,
    queuedMax: 1,
  })
  const body = '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}'
  assert.equal((await post('x'.repeat(10_001))).status, 413)
  for (const replica of replicas)
    replica.answer = (text, { head }) => clock.sleep(100).then(() => echoHead(text, head))
  const all = await Promise.all([post(body, {}, 0), post(body, {}, 0), post(body, {}, 300)])
  assert.deepEqual(
    all.map(({ status }) => status),
    [200, 200, 503],
  )
  for (const address of addresses) transport.cut(address)
  await clock.advance(100)
  assert.equal(gateway.isReady(), false)
  const refused = await post(body, {}, 1_000)
  assert.equal(refused.status, 503)
  assert.equal(gateway.status().head?.number, 105, 'the head stays while nobody can answer at it')
  await scope.close()
})
