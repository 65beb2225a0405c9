/** What every HttpServer promises of who comes in and when it ends: its gate, bodies that were lent, its port, its closing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '#kernel/fault.ts'
import { plain } from '#ports/testing/plain-response.ts'
import { converse } from '#ports/testing/raw-http.ts'
import type { HttpGate, HttpHandler, HttpListener, HttpResponse, HttpServer } from './http.ts'

const HOST = 'host: x\r\n'

export function httpLifetimeContract(name: string, create: () => HttpServer): void {
  const listen = (handler: HttpHandler, options: { port?: number } = {}): Promise<HttpListener> =>
    create().listen({ host: '127.0.0.1', port: 0, bodyBytesMax: 1_000, ...options }, handler)

  test(`${name}: who is refused at the gate reaches no handler, whatever the body; who is let in leaves once`, async () => {
    const seen: string[] = []
    const release = Promise.withResolvers<void>()
    const inside = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    const gate: HttpGate = {
      enter: ({ target, remote }) => (target === '/no' ? plain(`not now, ${remote}`, 503) : undefined),
      left({ target }) {
        seen.push(`left ${target}`)
        if (target === '/gone') gone.resolve()
      },
    }
    const options = { host: '127.0.0.1', port: 0, bodyBytesMax: 1_000_000, gate }
    const server = await create().listen(options, async ({ target }) => {
      seen.push(target)
      if (target !== '/gone') return plain('in')
      inside.resolve()
      await release.promise
      return plain('too late')
    })
    const here = `http://127.0.0.1:${server.port}`
    for (const length of [0, 10, 900_000]) {
      const refused = await fetch(`${here}/no`, { method: 'POST', body: 'x'.repeat(length) })
      assert.deepEqual([refused.status, await refused.text()], [503, 'not now, 127.0.0.1'])
    }
    assert.equal(await (await fetch(`${here}/yes`, { method: 'POST', body: 'y' })).text(), 'in')
    const client = converse(server.port)
    client.send(`GET /gone HTTP/1.1\r\n${HOST}\r\n`)
    await inside.promise
    client.close()
    await gone.promise
    release.resolve()
    await server.close({ graceMs: 100 })
    assert.deepEqual(seen, ['/yes', 'left /yes', '/gone', 'left /gone'])
  })

  test(`${name}: a body is given back once, and what is done with its bytes then changes no answer`, async () => {
    const back: string[] = []
    const all = Promise.withResolvers<void>()
    const server = await listen(({ target }) => {
      const body = new Uint8Array(target === '/small' ? 100 : 3_000_000).fill(X)
      return {
        ...plain(target === '/parts' ? [body.subarray(0, 50), body.subarray(50)] : body),
        taken() {
          body.fill(0)
          back.push(target)
          if (back.length === TARGETS.length) all.resolve()
        },
      }
    })
    const here = `http://127.0.0.1:${server.port}`
    for (const target of TARGETS) {
      const got = new Uint8Array(await (await fetch(`${here}${target}`, methodOf(target))).arrayBuffer())
      assert(
        got.every((byte) => byte === X),
        target,
      )
    }
    await all.promise
    assert.deepEqual(back, TARGETS)
    await server.close({ graceMs: 0 })
  })

  test(`${name}: a body is given back where its client does not take it`, async () => {
    const back = Promise.withResolvers<void>()
    const server = await listen(() => ({ ...plain(new Uint8Array(30_000_000)), taken: back.resolve }))
    const client = converse(server.port)
    client.socket.once('data', () => client.close())
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    await back.promise
    await server.close({ graceMs: 0 })
  })

  test(`${name}: a port that is taken is an error that names it`, async () => {
    const taken = await listen(() => plain(''))
    await assert.rejects(
      listen(() => plain(''), { port: taken.port }),
      (thrown: unknown) =>
        thrown instanceof Fault && thrown.code === 'net/port-in-use' && /--port/.test(thrown.message),
    )
    await taken.close({ graceMs: 0 })
  })

  test(`${name}: several listeners share a port where each asks for it`, async () => {
    const options = { host: '127.0.0.1', bodyBytesMax: 1, shared: 'reusePort' } as const
    const first = await create().listen({ ...options, port: 0 }, () => plain('first'))
    const second = await create().listen({ ...options, port: first.port }, () => plain('second'))
    assert.equal(second.port, first.port)
    await first.close({ graceMs: 0 })
    assert.equal(await (await fetch(`http://127.0.0.1:${second.port}`)).text(), 'second')
    await second.close({ graceMs: 0 })
  })

  test(`${name}: closing lets an open request end, and cuts what does not`, async () => {
    const release = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const server = await listen(async ({ target }) => {
      if (target === '/never') return new Promise<HttpResponse>(() => {})
      reached.resolve()
      await release.promise
      return plain('late')
    })
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

  test(`${name}: while it closes, a request on an idle connection is answered as its last`, async () => {
    const server = await listen(() => plain('x'))
    const client = converse(server.port)
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    await client.responses(1)
    const closed = server.close({ graceMs: 10_000, idleGraceMs: 10_000 })
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    const [, last] = await client.ended()
    assert.equal(last?.headers['connection']?.toLowerCase(), 'close')
    await closed
  })
}

const X = 'x'.charCodeAt(0)
const TARGETS = ['/small', '/large', '/parts', '/head']

function methodOf(target: string): RequestInit {
  return { method: target === '/head' ? 'HEAD' : 'GET' }
}
