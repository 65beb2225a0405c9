import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '#platform/random/random.ts'
import { Fault } from '#kernel/fault.ts'
import { silent } from '#ports/logger.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { DIAL_AGAIN_MS } from './client-limits.ts'
import { createExecutionClient } from './client.ts'

const BLOCK_MS = 2_000

/** An execution client at http:// that makes a block every two seconds of virtual time, and may have a WebSocket. */
class HttpOnly implements AsyncDisposable {
  readonly clock = createVirtualClock()
  readonly stop = new AbortController()
  isUp = true
  socket: 'none' | 'heads' | 'no subscriptions'
  /** Virtual times. */
  readonly newsMs: number[] = []
  readonly pollsMs: number[] = []
  dials = 0
  subscribed: ((text: string) => void) | undefined
  loseSocket: (cause: unknown) => void = () => {}
  readonly client = createExecutionClient(
    { url: 'http://client', timeoutMs: 5_000 },
    {
      clock: this.clock,
      random: createRandom(),
      log: silent,
      http: {
        request: async (_url, { body }) => {
          const { id, method } = JSON.parse(String(body)) as { id: number; method: string }
          if (method === 'eth_blockNumber') this.pollsMs.push(this.clock.nowMs())
          if (!this.isUp) throw new Fault('net/unreachable', 'nobody there')
          const result = `0x${Math.floor(this.clock.nowMs() / BLOCK_MS).toString(16)}`
          return {
            status: 200,
            headers: {},
            body: new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id, result })),
          }
        },
      },
      webSocket: {
        connect: async () => {
          this.dials++
          if (this.socket === 'none' || !this.isUp) throw new Fault('net/unreachable', 'no WebSocket')
          let say = (_text: string): void => {}
          return {
            send: (text) => {
              const { id } = JSON.parse(text) as { id: number }
              const refused = { error: { code: -32601, message: 'notifications not supported' } }
              const answer = this.socket === 'heads' ? { result: '0x1' } : refused
              say(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
              if (this.socket === 'heads') this.subscribed = say
            },
            onMessage: (handler) => (say = handler),
            onLost: (handler) => (this.loseSocket = handler),
            close: () => (this.subscribed = undefined),
          }
        },
      },
    },
  )
  readonly #ended: Promise<void>

  constructor(socket: HttpOnly['socket']) {
    this.socket = socket
    this.#ended = this.client.run(() => this.newsMs.push(this.clock.nowMs()), this.stop.signal)
  }
  async [Symbol.asyncDispose]() {
    this.stop.abort()
    await this.#ended
  }
}

test('without a WebSocket each new block is news within a tenth of the block time', async () => {
  await using life = new HttpOnly('none')
  await life.clock.advance(20 * BLOCK_MS)
  assert.ok(life.client.connected())
  const seen = life.newsMs.map((atMs) => Math.floor(atMs / BLOCK_MS))
  assert.deepEqual(
    seen,
    seen.map((_, number) => number),
  )
  assert.ok(seen.length >= 20)
  for (const atMs of life.newsMs.slice(5)) assert.ok(atMs % BLOCK_MS <= BLOCK_MS / 8, `news at ${atMs}`)
  const settled = life.pollsMs.filter((atMs) => atMs >= 10 * BLOCK_MS)
  assert.ok(settled.length >= 90 && settled.length <= 110, `${settled.length} polls in ten blocks`)
})

test('a client that is away is not connected, and news again when it is back', async () => {
  await using life = new HttpOnly('none')
  await life.clock.advance(3 * BLOCK_MS)
  life.isUp = false
  await life.clock.advance(BLOCK_MS)
  assert.ok(!life.client.connected())
  const before = life.newsMs.length
  life.isUp = true
  await life.clock.advance(10_000)
  assert.ok(life.client.connected())
  assert.ok(life.newsMs.length > before)
})

test('a WebSocket without subscriptions is none', async () => {
  await using life = new HttpOnly('no subscriptions')
  await life.clock.advance(5 * BLOCK_MS)
  assert.ok(life.client.connected())
  assert.ok(life.newsMs.length >= 4)
})

test('where the client has a WebSocket nothing is polled, and one that comes later is found', async () => {
  await using life = new HttpOnly('none')
  await life.clock.advance(BLOCK_MS)
  assert.equal(life.dials, 1)
  life.socket = 'heads'
  await life.clock.advance(DIAL_AGAIN_MS + BLOCK_MS)
  assert.ok(life.subscribed)
  const polls = life.pollsMs.length
  await life.clock.advance(10 * BLOCK_MS)
  assert.equal(life.pollsMs.length, polls)
  const before = life.newsMs.length
  life.subscribed?.('{"method":"eth_subscription"}')
  assert.equal(life.newsMs.length, before + 1)
})

test('a WebSocket that gave heads and is lost is dialled again, not given up', async () => {
  await using life = new HttpOnly('heads')
  await life.clock.advance(5_000)
  const [dials, polls] = [life.dials, life.pollsMs.length]
  assert.ok(life.subscribed)
  life.loseSocket(new Error('cut'))
  await life.clock.advance(5_000)
  assert.ok(life.subscribed)
  assert.equal(life.dials, dials + 1)
  assert.equal(life.pollsMs.length, polls)
})

test('a connection that is made after the end is closed', async () => {
  const life = new HttpOnly('heads')
  life.stop.abort()
  await life[Symbol.asyncDispose]()
  assert.equal(life.subscribed, undefined)
  assert.ok(!life.client.connected())
})
