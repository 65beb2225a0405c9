/** What every HttpServer promises of requests and their answers; run against our own server and node:http. What ours refuses beyond that is in its attack tests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { plain } from '#ports/testing/plain-response.ts'
import type { HttpHandler, HttpListener, HttpServer } from './http.ts'
import { converse } from '#ports/testing/raw-http.ts'

const HOST = 'host: x\r\n'

export function httpServerContract(name: string, create: () => HttpServer): void {
  const listen = (
    handler: HttpHandler,
    options: { host?: string; port?: number } = {},
  ): Promise<HttpListener> =>
    create().listen({ host: '127.0.0.1', port: 0, bodyBytesMax: 1_000, ...options }, handler)

  const scenario = (
    title: string,
    handler: HttpHandler,
    run: (port: number, url: string) => Promise<void>,
  ): void => {
    test(`${name}: ${title}`, async () => {
      const listener = await listen(handler)
      try {
        await run(listener.port, `http://127.0.0.1:${listener.port}`)
      } finally {
        await listener.close({ graceMs: 0 })
      }
    })
  }

  scenario(
    'a request reaches the handler whole, and its answer comes back',
    ({ method, target, headers, body }) =>
      plain(`${method} ${target} ${headers['x-mine']} ${new TextDecoder().decode(body)} é`, 201),
    async (_port, url) => {
      const response = await fetch(`${url}/a?b=c`, {
        method: 'POST',
        headers: { 'X-Mine': 'yes' },
        body: 'hello',
      })
      assert.equal(response.status, 201)
      assert.equal(await response.text(), 'POST /a?b=c yes hello é')
    },
  )

  test(`${name}: a handler is told who asks, in one spelling whatever the socket`, async () => {
    for (const host of ['::', '127.0.0.1']) {
      const listener = await listen(({ remote }) => plain(remote), { host })
      assert.equal(await (await fetch(`http://127.0.0.1:${listener.port}`)).text(), '127.0.0.1')
      await listener.close({ graceMs: 0 })
    }
  })

  scenario(
    'a body in pieces arrives as one, and bytes go back as they are',
    ({ body }) => plain(body),
    async (_port, url) => {
      const response = await fetch(url, streaming('one ', 'two ', 'three'))
      assert.equal(await response.text(), 'one two three')
    },
  )

  for (const [kind, size] of [
    ['small', 300],
    ['large', 3_000_000],
  ] as const) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) & 255)
    const text = 'é€🐑x'.repeat(size / 10)
    scenario(
      `a ${kind} answer arrives exactly, as bytes, as text and in parts`,
      ({ target }) => plain({ '/bytes': bytes, '/parts': ['é', utf8(text), '', text, 'x'] }[target] ?? text),
      async (_port, url) => {
        for (let i = 0; i < 2; i++) {
          const gotBytes = new Uint8Array(await (await fetch(`${url}/bytes`)).arrayBuffer())
          assert.deepEqual(gotBytes, bytes)
          assert.equal(await (await fetch(`${url}/text`)).text(), text)
          assert.equal(await (await fetch(`${url}/parts`)).text(), `é${text}${text}x`)
        }
      },
    )
  }

  {
    let reached = 0
    scenario(
      'a body over the limit is refused as geth refuses it, whether its length is said or not',
      () => {
        reached++
        return plain('')
      },
      async (_port, url) => {
        const big = 'x'.repeat(200_000)
        const said = await fetch(url, { method: 'POST', body: big })
        assert.equal(said.status, 413)
        assert.equal(await said.text(), 'content length too large (200000>1000)')
        const unsaid = await fetch(url, streaming(big))
        assert.equal(unsaid.status, 413)
        assert.match(await unsaid.text(), /^content length too large/)
        assert.equal(reached, 0)
      },
    )
  }

  scenario(
    'whoever sends a body far over the limit to its end hears why it was refused',
    () => plain(''),
    async (port) => {
      const client = converse(port)
      const sizeBytes = 8_000_000
      client.send(`POST / HTTP/1.1\r\n${HOST}content-length: ${sizeBytes}\r\n\r\n`)
      const sent = Promise.withResolvers<void>()
      client.socket.write(Buffer.alloc(sizeBytes), () => sent.resolve())
      await sent.promise
      assert.equal((await client.responses(1))[0]?.status, 413)
      client.close()
    },
  )

  scenario(
    'a handler that throws or rejects fails its own request and no other',
    ({ target }) => {
      if (target === '/throws') throw new Error('a bug')
      return target === '/rejects' ? Promise.reject(new Error('a bug')) : plain('good')
    },
    async (_port, url) => {
      const paths = ['/throws', '/rejects', '/good']
      const responses = await Promise.all(paths.map((path) => fetch(url + path)))
      assert.deepEqual(
        responses.map(({ status }) => status),
        [500, 500, 200],
      )
    },
  )

  scenario(
    'a header that would split the response is not sent',
    () => ({ status: 200, headers: { 'x-bad': 'a\r\nx-injected: b' }, body: '' }),
    async (_port, url) => {
      const response = await fetch(url)
      assert.equal(response.status, 500)
      assert.equal(response.headers.get('x-injected'), null)
    },
  )

  scenario(
    'requests sent together are answered in their order, whichever is ready first',
    async ({ target }) => {
      if (target === '/0') await new Promise((resolve) => setImmediate(resolve))
      return plain(target)
    },
    async (port) => {
      const client = converse(port)
      const requests = Array.from({ length: 200 }, (_, i) => `GET /${i} HTTP/1.1\r\n${HOST}\r\n`)
      client.send(requests.join(''))
      const answers = await client.responses(200)
      assert.deepEqual(
        answers.map(({ body }) => body),
        Array.from({ length: 200 }, (_, i) => `/${i}`),
      )
      client.close()
    },
  )

  scenario(
    'who asks whether to go on is told so, and answered when the body is there',
    ({ body }) => plain(body),
    async (port) => {
      const client = converse(port)
      client.send(`POST / HTTP/1.1\r\n${HOST}expect: 100-continue\r\ncontent-length: 2\r\n\r\n`)
      assert.equal((await client.responses(1))[0]?.status, 100)
      client.send('hi')
      assert.equal((await client.responses(2))[1]?.body, 'hi')
      client.close()
    },
  )

  scenario(
    'HEAD has the head of GET and no body',
    () => plain('four'),
    async (port) => {
      const client = converse(port, { bodiless: true })
      client.send(`HEAD / HTTP/1.1\r\n${HOST}\r\n`.repeat(2))
      const answers = await client.responses(2)
      assert.deepEqual(
        answers.map(({ status, headers }) => [status, headers['content-length']]),
        [
          [200, '4'],
          [200, '4'],
        ],
      )
      client.close()
    },
  )

  scenario(
    'an answer without content says no length and keeps the connection',
    () => ({ status: 204, headers: {}, body: '' }),
    async (port) => {
      const client = converse(port)
      client.send(`OPTIONS * HTTP/1.1\r\n${HOST}\r\nOPTIONS / HTTP/1.1\r\n${HOST}\r\n`)
      for (const { status, headers } of await client.responses(2))
        assert.deepEqual([status, headers['content-length']], [204, undefined])
      client.close()
    },
  )

  scenario(
    'HTTP/1.0 ends with its answer unless it asks to stay, HTTP/1.1 the other way round',
    () => plain('x'),
    async (port) => {
      const ended = async (version: string, connection: string): Promise<boolean> => {
        const client = converse(port)
        const request = `GET / HTTP/${version}\r\n${HOST}${connection}\r\n`
        client.send(request)
        const [first] = await client.responses(1)
        assert.equal(first?.body, 'x')
        const isLast = first?.headers['connection']?.toLowerCase() === 'close'
        if (isLast) await client.ended()
        else {
          client.send(request)
          await client.responses(2)
        }
        client.close()
        return isLast
      }
      assert.equal(await ended('1.0', ''), true)
      assert.equal(await ended('1.0', 'connection: keep-alive\r\n'), false)
      assert.equal(await ended('1.1', ''), false)
      assert.equal(await ended('1.1', 'connection: close\r\n'), true)
    },
  )

  scenario(
    'of an absolute target the handler sees the path',
    ({ target }) => plain(target),
    async (port) => {
      const client = converse(port)
      client.send(`GET http://x:1/a?b HTTP/1.1\r\n${HOST}\r\nGET http://x?c HTTP/1.1\r\n${HOST}\r\n`)
      assert.deepEqual(
        (await client.responses(2)).map(({ body }) => body),
        ['/a?b', '/?c'],
      )
      client.close()
    },
  )

  {
    const aborted = Promise.withResolvers<unknown>()
    const reached = Promise.withResolvers<void>()
    scenario(
      'a client that goes away aborts its request',
      ({ signal }) => {
        signal.addEventListener('abort', () => aborted.resolve(signal.reason))
        reached.resolve()
        return new Promise(() => {})
      },
      async (port) => {
        const client = converse(port)
        client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`)
        await reached.promise
        client.close()
        const reason = await aborted.promise
        assert.ok(reason instanceof Fault && reason.code === 'net/client-gone')
      },
    )
  }

  {
    const signals: AbortSignal[] = []
    scenario(
      'an answered request is not aborted when its connection ends later',
      ({ signal, target }) => {
        signals.push(signal)
        return plain(target)
      },
      async (port) => {
        const client = converse(port)
        client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`)
        await client.responses(1)
        client.send(`GET / HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`)
        await client.ended()
        assert.deepEqual(
          signals.map(({ aborted }) => aborted),
          [false, false],
        )
      },
    )
  }
}

/** A body whose length is not said. */
function streaming(...pieces: readonly string[]): RequestInit {
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
      controller.close()
    },
  })
  return { method: 'POST', body, duplex: 'half' } as RequestInit
}
