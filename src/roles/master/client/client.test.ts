import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silent } from '#ports/logger.ts'
import type { HttpClient } from '#ports/net/http.ts'
import type { WebSocketClient, WebSocketConnection } from '#ports/net/web-socket.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createRandom } from '#platform/random/random.ts'
import { CALLS_IN_FLIGHT_MAX } from './client-limits.ts'
import { createExecutionClient } from './client.ts'

type Request = { id: number; method: string; params: unknown[] }

/** An execution client that answers what `answer` says, or nothing where that is undefined. */
function simulatedClient(answer: (request: Request) => unknown) {
  const sockets: { say(text: string): void; lose(): void }[] = []
  const seen: Request[] = []
  const webSocket: WebSocketClient = {
    async connect() {
      let onMessage = (_text: string): void => {}
      let onLost = (_cause: unknown): void => {}
      const connection: WebSocketConnection = {
        send(text) {
          const request = JSON.parse(text) as Request
          seen.push(request)
          const given = request.method === 'eth_subscribe' ? { result: '0x1' } : answer(request)
          if (given !== undefined)
            queueMicrotask(() =>
              onMessage(JSON.stringify({ jsonrpc: '2.0', id: request.id, ...Object(given) })),
            )
        },
        onMessage: (handler) => {
          onMessage = handler
        },
        onLost: (handler) => {
          onLost = handler
        },
        close: () => {},
      }
      sockets.push({ say: (text) => onMessage(text), lose: () => onLost(new Error('cut')) })
      return connection
    },
  }
  return { webSocket, sockets, seen }
}

const noHttp: HttpClient = { request: () => assert.fail('no HTTP here') }

function running(answer: (request: Request) => unknown, timeoutMs = 2_000) {
  const simulated = simulatedClient(answer)
  const client = createExecutionClient(
    { url: 'ws://client', timeoutMs },
    {
      clock: createClock(),
      random: createRandom(),
      http: noHttp,
      webSocket: simulated.webSocket,
      log: silent,
    },
  )
  const stop = new AbortController()
  let news = 0
  let wake = (): void => {}
  const ended = client.run(() => {
    news++
    wake()
  }, stop.signal)
  const newsReached = async (count: number): Promise<void> => {
    while (news < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  return {
    ...simulated,
    client,
    newsReached,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}

test('a call gets its own answer, a refusal names the method', async () => {
  await using life = running(({ method }) =>
    method === 'good' ? { result: 7 } : { error: { code: -32000, message: 'no' } },
  )
  const { client, newsReached } = life
  await newsReached(1)
  assert.deepEqual(await Promise.all([client.call('good', []), client.call('good', [])]), [7, 7])
  await assert.rejects(client.call('bad', []), { code: 'master/client-error', message: /refused bad: no/ })
  assert.deepEqual(await client.ask('bad', []), { error: { code: -32000, message: 'no' } })
})

test('a call without an answer ends at its deadline, and its place is free again', async () => {
  await using life = running(({ method }) => (method === 'good' ? { result: 1 } : undefined), 20)
  const { client, newsReached } = life
  await newsReached(1)
  const silentCalls = Array.from({ length: CALLS_IN_FLIGHT_MAX }, () => client.call('silence', []))
  const queued = client.call('good', [])
  const outcomes = await Promise.allSettled(silentCalls)
  assert.ok(outcomes.every((o) => o.status === 'rejected' && o.reason.code === 'master/client-timeout'))
  assert.equal(await queued, 1)
})

test('no more than the limit is in flight', async () => {
  await using life = running(({ method }) => (method === 'good' ? undefined : { result: 1 }), 50)
  const { client, newsReached, seen } = life
  await newsReached(1)
  const calls = Array.from({ length: CALLS_IN_FLIGHT_MAX + 5 }, () => client.call('good', []).catch(() => {}))
  await new Promise((later) => setImmediate(later))
  assert.equal(seen.filter(({ method }) => method === 'good').length, CALLS_IN_FLIGHT_MAX)
  await Promise.all(calls)
})

test('each new head is news, and so is each new connection', async () => {
  await using life = running(() => undefined)
  const { newsReached, sockets } = life
  await newsReached(1)
  sockets[0]?.say('{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":{}}}')
  await newsReached(2)
  sockets[0]?.lose()
  await newsReached(3)
  assert.equal(sockets.length, 2)
})

test('calls in flight fail when the connection is lost, later ones work on the next', async () => {
  let quiet = true
  await using life = running(() => (quiet ? undefined : { result: 2 }))
  const { client, newsReached, sockets } = life
  await newsReached(1)
  const call = client.call('slow', [])
  const failed = assert.rejects(call, { code: 'master/client-lost' })
  await new Promise((later) => setImmediate(later))
  sockets[0]?.lose()
  await failed
  await assert.rejects(client.call('between', []), { code: 'master/client-lost' })
  quiet = false
  await newsReached(2)
  assert.equal(await client.call('again', []), 2)
})

test('an address that is neither ws nor http is refused by name', () => {
  assert.throws(
    () =>
      createExecutionClient(
        { url: 'localhost:8545', timeoutMs: 1 },
        {
          clock: createClock(),
          random: createRandom(),
          http: noHttp,
          webSocket: simulatedClient(() => 0).webSocket,
          log: silent,
        },
      ),
    { code: 'master/client-url' },
  )
})
