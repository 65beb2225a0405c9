/**
 * Bytes that no honest client sends, or that parsers are known to differ about, at our server and at node:http. What follows a request
 * that is answered and kept is shown to be read as the next request; what is refused ends the connection.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import type { HttpHandler, HttpListener } from '#ports/net/http.ts'
import { converse } from '#ports/testing/raw-http.ts'
import { createNodeHttpServer } from './node-server.ts'
import { createOwnHttpServer } from './own-server.ts'

const POST = 'POST / HTTP/1.1\r\nHost: x\r\n'
const TWO = 'Content-Length: 2\r\n\r\nhi'
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`
const PROBE = 'GET /probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const LIMITS = { headersMax: 64, headTimeMaxMs: 1_000, requestTimeMaxMs: 1_000 }

/** Statuses with what the handler saw of the body; `open`: the probe that follows is answered; `closed`: the server ends it. */
type Outcome = `${string}${'open' | 'closed'}`
/** Of ours, and of node:http where it is another. */
type Case = readonly [name: string, bytes: string, own: Outcome, node?: Outcome | 'not asked']

const cases: readonly Case[] = [
  ['a body by length', POST + TWO, '200[2] open'],
  ['three requests at once', (POST + TWO).repeat(3), '200[2] 200[2] 200[2] open'],
  ['an empty line before', `\r\n${POST}${TWO}`, '200[2] open'],
  ['two empty lines before', `\r\n\r\n${POST}${TWO}`, '400 closed', '200[2] open'],
  ['no body', `${POST}\r\n`, '200[0] open'],
  ['chunks', `${CHUNKED}2\r\nhi\r\n3\r\nabc\r\n0\r\n\r\n`, '200[5] open'],
  [
    'chunk sizes in both cases and with zeros',
    `${CHUNKED}00a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    '200[20] open',
  ],
  ['a chunk extension', `${CHUNKED}2;a=b\r\nhi\r\n0\r\n\r\n`, '400 closed', '200[2] open'],
  ['a trailer', `${CHUNKED}2\r\nhi\r\n0\r\nX: y\r\n\r\n`, '400 closed', '200[2] open'],
  [
    'a length and chunks',
    `${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '400 closed',
  ],
  [
    'chunks and a length',
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n`,
    '400 closed',
  ],
  ['an unknown coding', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, '501 closed', '400 closed'],
  [
    'chunked, then another coding',
    `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    '501 closed',
    '400 closed',
  ],
  [
    'the coding twice',
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
    '400 closed',
  ],
  ['a control before the coding', `${POST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n`, '400 closed'],
  ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, '400 closed'],
  [
    'chunks in HTTP/1.0',
    'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '400 closed',
    '200[0] closed',
  ],
  ['two equal lengths', `${POST}Content-Length: 2\r\n${TWO}`, '400 closed'],
  ['two different lengths', `${POST}Content-Length: 3\r\n${TWO}`, '400 closed'],
  ['a list of lengths', `${POST}Content-Length: 2, 2\r\n\r\nhi`, '400 closed'],
  ['a signed length', `${POST}Content-Length: +2\r\n\r\nhi`, '400 closed'],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\nhi`, '400 closed'],
  ['a hexadecimal length', `${POST}Content-Length: 0x2\r\n\r\nhi`, '400 closed'],
  ['an empty length', `${POST}Content-Length: \r\n\r\nhi`, '400 closed'],
  ['a length over 2^64', `${POST}Content-Length: 18446744073709551618\r\n\r\nhi`, '400 closed'],
  ['a continued line', `${POST}X: a\r\n b\r\n${TWO}`, '400 closed'],
  ['lines ended by LF alone', 'POST / HTTP/1.1\nHost: x\nContent-Length: 2\n\nhi\r\n\r\n', '400 closed'],
  ['a bare LF in the head', `${POST}X: a\n${TWO}`, '400 closed'],
  ['a bare CR in a value', `${POST}X: a\rb\r\n${TWO}`, '400 closed'],
  ['NUL in a value', `${POST}X: a\0b\r\n${TWO}`, '400 closed'],
  ['an empty name', `${POST}: a\r\n${TWO}`, '400 closed'],
  ['a name that is not ASCII', `${POST}X\xe9: a\r\n${TWO}`, '400 closed'],
  ['no host', `POST / HTTP/1.1\r\n${TWO}`, '400 closed'],
  ['two hosts', `${POST}Host: y\r\n${TWO}`, '400 closed', '200[2] open'],
  ['a chunk size of 0x2', `${CHUNKED}0x2\r\nhi\r\n0\r\n\r\n`, '400 closed'],
  ['a negative chunk size', `${CHUNKED}-2\r\nhi\r\n0\r\n\r\n`, '400 closed'],
  ['a huge chunk size', `${CHUNKED}fffffffffffffffff\r\nhi\r\n0\r\n\r\n`, '400 closed'],
  ['chunk lines ended by LF alone', `${CHUNKED}2\nhi\n0\n\n`, '400 closed'],
  ['a chunk longer than its size', `${CHUNKED}2\r\nhiXX0\r\n\r\n`, '400 closed'],
  ['a space after a chunk size', `${CHUNKED}2 \r\nhi\r\n0\r\n\r\n`, '400 closed'],
  ['another expectation', `${POST}Expect: 200-ok\r\n${TWO}`, '417 closed', '417 open'],
  ['HTTP/1.0', `POST / HTTP/1.0\r\n${TWO}`, '200[2] closed'],
  ['HTTP/1.0 that stays', `POST / HTTP/1.0\r\nConnection: keep-alive\r\n${TWO}`, '200[2] open'],
  ['HTTP/2.0', 'POST / HTTP/2.0\r\nHost: x\r\n\r\n', '505 closed', '200[0] closed'],
  ['HTTP/1.2', `POST / HTTP/1.2\r\nHost: x\r\n${TWO}`, '505 closed', '400 closed'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505 closed', '400 closed'],
  ['a TLS hello', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'a'.repeat(50)}`, '400 closed'],
  ['a method nobody knows', `BREW / HTTP/1.1\r\nHost: x\r\n\r\n`, '501 closed', '400 closed'],
  ['a space in the target', 'POST /a b HTTP/1.1\r\nHost: x\r\n\r\n', '400 closed'],
  ['a target without a path', `POST a HTTP/1.1\r\nHost: x\r\n${TWO}`, '400 closed'],
  ['a tunnel', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', '501 closed', 'closed'],
  ['close asked for', `${POST}Connection: close\r\n${TWO}`, '200[2] closed'],
  ['close and keep-alive', `${POST}Connection: keep-alive, close\r\n${TWO}`, '200[2] closed'],
  ['a head of 20 KB', `${POST}X: ${'a'.repeat(20_000)}\r\n\r\n`, '431 closed'],
  ['a head that begins and goes on', `${POST}X: a`, '408 closed'],
  ['a body that begins and goes on', `${POST}Content-Length: 5\r\n\r\nhi`, '408 closed'],
  ['a chunk that begins and goes on', `${CHUNKED}5\r\nhi`, '408 closed'],
  [
    'an upgrade nobody offers, with early data',
    `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\n${TWO}\x81\x05hello`,
    '200[2] 400 closed',
    'not asked',
  ],
  [
    'an upgrade nobody offers, followed by a request',
    `${POST}Connection: Upgrade\r\nUpgrade: h2c\r\n${TWO}`,
    '200[2] open',
  ],
  [
    'bytes after the last request',
    `${POST}Connection: close\r\n${TWO}${POST}${TWO}`,
    '200[2] closed',
    '400 closed',
  ],
]

const echo: HttpHandler = ({ target, body }) => ({
  status: 200,
  headers: { 'content-type': 'text/plain' },
  body: target === '/probe' ? 'probe' : `[${body.length}]`,
})

const servers = { own: createOwnHttpServer(LIMITS), node: createNodeHttpServer(LIMITS) }
const listeners = new Map<string, HttpListener>()
before(async () => {
  for (const [name, server] of Object.entries(servers))
    listeners.set(name, await server.listen({ host: '127.0.0.1', port: 0, bodyBytesMax: 1_000 }, echo))
})
after(async () => {
  for (const listener of listeners.values()) await listener.close({ graceMs: 0 })
})

for (const [name, bytes, own, node = own] of cases) {
  test(`own: ${name}`, () => meets('own', bytes, own))
  if (node !== 'not asked') test(`node:http: ${name}`, () => meets('node', bytes, node))
}

test('own: the same bytes one at a time have the same end', async () => {
  const slow = ['408 closed', '431 closed']
  await Promise.all(
    cases.map(async ([name, bytes, own]) => {
      if (slow.includes(own)) return
      await meets('own', bytes, own, 'byte by byte').catch((thrown: unknown) => {
        throw new Error(`${name}, byte by byte`, { cause: thrown })
      })
    }),
  )
})

async function meets(
  server: 'own' | 'node',
  bytes: string,
  expected: Outcome,
  how: 'whole' | 'byte by byte' = 'whole',
): Promise<void> {
  const client = converse((listeners.get(server) as HttpListener).port)
  try {
    if (how === 'whole') client.send(bytes)
    else for (const byte of Buffer.from(bytes, 'latin1')) await sent(client.socket, byte)
    const words = expected.split(' ')
    const isOpen = words.pop() === 'open'
    let responses = await (isOpen ? client.responses(words.length) : client.ended())
    if (isOpen) {
      client.send(PROBE)
      responses = await client.ended()
      assert.equal(responses.at(-1)?.body, 'probe', 'what follows is the next request')
      responses = responses.slice(0, -1)
    }
    const seen = responses.map(({ status, body }) => (status === 200 ? `${status}${body}` : String(status)))
    assert.deepEqual(seen, words)
  } finally {
    client.close()
  }
}

/** Resolves a turn after the byte has left, so that it arrives alone. */
function sent(socket: Socket, byte: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (socket.destroyed) resolve()
  else socket.write(Uint8Array.of(byte), () => setImmediate(resolve))
  return promise
}
