import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpGate, HttpHandler, HttpListener } from '#ports/net/http.ts'
import { converse } from '#ports/testing/raw-http.ts'
import type { HttpLimits } from './limits.ts'
import { createOwnHttpServer } from './own-server.ts'

const POST = 'POST / HTTP/1.1\r\nHost: x\r\n'

async function using(
  limits: Partial<HttpLimits>,
  handler: HttpHandler,
  run: (listener: HttpListener) => Promise<void>,
  gate?: HttpGate,
): Promise<void> {
  const place = { host: '127.0.0.1', port: 0, bodyBytesMax: 1_000_000, ...(gate && { gate }) }
  const listener = await createOwnHttpServer(limits).listen(place, handler)
  try {
    await run(listener)
  } finally {
    await listener.close({ graceMs: 0 })
  }
}

const small: HttpHandler = () => ({ status: 200, headers: {}, body: 'x' })

test('a client that takes nothing of a large answer is cut when all unread answers are over their limit', () => {
  const left = Promise.withResolvers<void>()
  const gate: HttpGate = { enter: () => undefined, left: () => left.resolve() }
  const body = new Uint8Array(64 * 1024 * 1024)
  return using(
    { unreadBytesMax: 1_000_000 },
    () => ({ status: 200, headers: {}, body }),
    async ({ port }) => {
      const client = converse(port)
      client.socket.pause()
      client.send(`${POST}\r\n`)
      await left.promise
      client.close()
    },
    gate,
  )
})

test('bodies that are arriving have one limit for all connections: over it one of them is told to try again', () =>
  using({ bodyBytesHeldMax: 200_000 }, small, async ({ port }) => {
    const clients = [converse(port), converse(port)]
    for (const client of clients) client.send(`${POST}Content-Length: 300000\r\n\r\n${'x'.repeat(150_000)}`)
    const [refused] = await Promise.race(clients.map((client) => client.ended()))
    assert.equal(refused?.status, 503)
    for (const client of clients) client.close()
    // What the refused one held is free again.
    const next = converse(port)
    next.send(`${POST}Content-Length: 10\r\n\r\n0123456789`)
    assert.equal((await next.responses(1))[0]?.status, 200)
    next.close()
  }))

test('a body in more chunks than allowed is refused, however small they are', () =>
  using({ chunksMax: 100 }, small, async ({ port }) => {
    const client = converse(port)
    client.send(`${POST}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(200)}`)
    assert.equal((await client.ended())[0]?.status, 413)
  }))

test('a connection that asks nothing is ended without a word', () =>
  using({ idleTimeMaxMs: 200 }, small, async ({ port }) => {
    const client = converse(port)
    client.send(`${POST}\r\n`)
    assert.equal((await client.ended()).length, 1)
  }))

test('a connection over the limit is closed, and there is room again when one has gone', () =>
  using({ connectionsMax: 1 }, small, async ({ port }) => {
    const first = converse(port)
    first.send(`${POST}\r\n`)
    await first.responses(1)
    assert.deepEqual(await converse(port).ended(), [])
    first.send(`${POST}Connection: close\r\n\r\n`)
    await first.ended()
    for (;;) {
      const next = converse(port)
      next.send(`${POST}Connection: close\r\n\r\n`)
      if ((await next.ended()).length === 1) break
    }
  }))

test('a client that pipelines without waiting is read ahead by no more than the limit', async () => {
  const reached = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const handler: HttpHandler = async ({ target }) => {
    reached.resolve()
    if (target === '/') await release.promise
    return { status: 200, headers: {}, body: 'x' }
  }
  await using({ pipelinedBytesMax: 1_000 }, handler, async ({ port }) => {
    const client = converse(port)
    // 20 MB: more than the buffers of two sockets hold.
    client.send(`${POST}X-Padding: ${'x'.repeat(10_000)}\r\n\r\n`.repeat(2_000))
    await reached.promise
    // Another client is answered a hundred times meanwhile: time enough to have read all, were it read.
    const other = converse(port)
    for (let i = 1; i <= 100; i++) {
      other.send(`GET /other HTTP/1.1\r\nHost: x\r\n\r\n`)
      await other.responses(i)
    }
    other.close()
    assert.ok(client.socket.writableLength > 0, 'the client is held back')
    release.resolve()
    assert.equal((await client.responses(2_000)).length, 2_000)
    client.close()
  })
})
