import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { Fault } from '#kernel/fault.ts'
import type { HttpListener, HttpRequest, HttpResponse } from '#ports/http.ts'
import { createHttpServer } from './server.ts'

let listener: HttpListener
let url: string
let handler: (request: HttpRequest) => HttpResponse | Promise<HttpResponse> = () => plain('')

before(async () => {
  const options = { host: '127.0.0.1', port: 0, bodyBytesMax: 1_000 }
  listener = await createHttpServer().listen(options, (request) => handler(request))
  url = `http://127.0.0.1:${listener.port}`
})
after(() => listener.close({ graceMs: 100 }))

function plain(body: string | Uint8Array, status = 200): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body }
}

test('a request reaches the handler whole, and its answer comes back', async () => {
  handler = ({ method, target, headers, body }) =>
    plain(`${method} ${target} ${headers['x-mine']} ${new TextDecoder().decode(body)} é`, 201)
  const response = await fetch(`${url}/a?b=c`, {
    method: 'POST',
    headers: { 'X-Mine': 'yes' },
    body: 'hello',
  })
  assert.equal(response.status, 201)
  assert.equal(await response.text(), 'POST /a?b=c yes hello é')
})

test('a handler is told who asks, in one spelling whatever the socket', async () => {
  const both = await createHttpServer().listen({ host: '::', port: 0, bodyBytesMax: 1_000 }, ({ remote }) =>
    plain(remote),
  )
  handler = ({ remote }) => plain(remote)
  try {
    assert.equal(await (await fetch(url)).text(), '127.0.0.1')
    assert.equal(await (await fetch(`http://127.0.0.1:${both.port}`)).text(), '127.0.0.1')
  } finally {
    await both.close({ graceMs: 100 })
  }
})

test('a body in pieces arrives as one, and bytes go back as they are', async () => {
  handler = ({ body }) => plain(body)
  const pieces = new ReadableStream({
    start(controller) {
      for (const piece of ['one ', 'two ', 'three']) controller.enqueue(new TextEncoder().encode(piece))
      controller.close()
    },
  })
  const response = await fetch(url, { method: 'POST', body: pieces, duplex: 'half' } as RequestInit)
  assert.equal(await response.text(), 'one two three')
})

test('a body over the limit is refused as geth refuses it, whether its length is said or not', async () => {
  let reached = 0
  handler = () => {
    reached++
    return plain('')
  }
  const big = 'x'.repeat(200_000)
  const said = await fetch(url, { method: 'POST', body: big })
  assert.equal(said.status, 413)
  assert.equal(await said.text(), 'content length too large (200000>1000)')
  const unsaid = await fetch(url, {
    method: 'POST',
    body: new Blob([big]).stream(),
    duplex: 'half',
  } as RequestInit)
  assert.equal(unsaid.status, 413)
  assert.match(await unsaid.text(), /^content length too large/)
  assert.equal(reached, 0)
})

test('a handler that throws fails its own request and no other', async () => {
  handler = ({ target }) => {
    if (target === '/bad') throw new Error('a bug')
    return plain('good')
  }
  const [bad, good] = await Promise.all([fetch(`${url}/bad`), fetch(`${url}/good`)])
  assert.equal(bad.status, 500)
  assert.equal(await good.text(), 'good')
})

test('a client that goes away aborts its request', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  handler = ({ signal }) => {
    signal.addEventListener('abort', () => resolve())
    socket.destroy()
    return new Promise(() => {})
  }
  const socket = connect(listener.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await promise
})

test('a port that is taken is an error that names it', async () => {
  await assert.rejects(
    createHttpServer().listen({ host: '127.0.0.1', port: listener.port, bodyBytesMax: 1 }, () => plain('')),
    (thrown: unknown) =>
      thrown instanceof Fault && thrown.code === 'net/port-in-use' && /--port/.test(thrown.message),
  )
})

test('closing lets an open request end, and cuts what does not', async () => {
  const release = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  const server = await createHttpServer().listen(
    { host: '127.0.0.1', port: 0, bodyBytesMax: 1 },
    async ({ target }) => {
      if (target === '/never') return new Promise<HttpResponse>(() => {})
      reached.resolve()
      await release.promise
      return plain('late')
    },
  )
  const here = `http://127.0.0.1:${server.port}`
  const never = fetch(`${here}/never`)
  const late = fetch(here)
  await reached.promise
  const closed = server.close({ graceMs: 300 })
  release.resolve()
  assert.equal(await (await late).text(), 'late')
  await assert.rejects(never)
  await closed
})

test('who is refused at the gate reaches no handler, whatever the body; who is let in leaves once', async () => {
  const seen: string[] = []
  const release = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const server = await createHttpServer().listen(
    {
      host: '127.0.0.1',
      port: 0,
      bodyBytesMax: 1_000_000,
      gate: {
        enter: ({ target, remote }) => (target === '/no' ? plain(`not now, ${remote}`, 503) : undefined),
        left({ target }) {
          seen.push(`left ${target}`)
          if (target === '/gone') gone.resolve()
        },
      },
    },
    async ({ target }) => {
      seen.push(target)
      if (target === '/gone') await release.promise
      return plain('in')
    },
  )
  const here = `http://127.0.0.1:${server.port}`
  const refused = await fetch(`${here}/no`, { method: 'POST', body: 'x'.repeat(900_000) })
  assert.deepEqual([refused.status, await refused.text()], [503, 'not now, 127.0.0.1'])
  assert.equal(await (await fetch(`${here}/yes`, { method: 'POST', body: 'y' })).text(), 'in')
  const away = new AbortController()
  const lost = fetch(`${here}/gone`, { signal: away.signal })
  const inside = (): Promise<void> =>
    seen.includes('/gone') ? Promise.resolve() : new Promise<void>(setImmediate).then(inside)
  await inside()
  away.abort()
  await assert.rejects(lost)
  await gone.promise
  release.resolve()
  assert.deepEqual(seen, ['/yes', 'left /yes', '/gone', 'left /gone'])
  await server.close({ graceMs: 100 })
})
