import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import test from 'node:test'
import type { Connection } from '#ports/net/transport.ts'
import { createTransport } from './transport.ts'

const SIZES = [0, 1, 3, 4, 5, 300, 0, 0, 65_535, 65_536, 70, 300_000, 2, 1_000_000, 9]

const filled = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 13) & 255)
const MESSAGES = SIZES.map(filled)

/** Listens, and gathers what comes on the first connection until there are so many messages. */
async function receive(count: number, send: (address: string) => Promise<unknown>): Promise<Uint8Array[]> {
  const got: Uint8Array[] = []
  const all = Promise.withResolvers<void>()
  const listener = await createTransport().listen('127.0.0.1:0', (connection: Connection) => {
    connection.onLost((cause) => all.reject(cause ?? new Error('lost')))
    connection.onMessage((message) => {
      got.push(message)
      if (got.length === count) all.resolve()
    })
  })
  try {
    await send(listener.address)
    await all.promise
    return got
  } finally {
    await listener.close()
  }
}

test('messages of any size arrive whole and in order, however many are sent in one turn', async () => {
  const got = await receive(MESSAGES.length * 3, async (address) => {
    const connection = await createTransport().connect(address, { timeoutMs: 10_000 })
    connection.onMessage(() => {})
    for (const message of MESSAGES) connection.send(message)
    for (const message of MESSAGES) {
      connection.send(message)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (const message of MESSAGES) connection.send(message)
  })
  assert.deepEqual(got, [...MESSAGES, ...MESSAGES, ...MESSAGES])
})

test('where the stream is cut into chunks does not matter, and what was received stays as it was', async () => {
  const small = SIZES.filter((size) => size < 1_000).map(filled)
  const stream = Buffer.concat(
    small.flatMap((message) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(message.length)
      return [length, message]
    }),
  )
  for (const step of [1, 2, 3, 7, 64, stream.length]) {
    const got = await receive(small.length, async (address) => {
      const [host, port] = address.split(':') as [string, string]
      const socket = net.connect({ host, port: Number(port), noDelay: true })
      await once(socket, 'connect')
      for (let at = 0; at < stream.length; at += step) {
        socket.write(stream.subarray(at, at + step))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    assert.deepEqual(got, small, `in steps of ${step}`)
  }
})

for (const bytes of ['lent', undefined] as const)
  test(`whoever connects reads what ${bytes === 'lent' ? 'is lent to it' : 'it may keep'}, of any size and in parts`, async () => {
    const got: Uint8Array[] = []
    const all = Promise.withResolvers<void>()
    const listener = await createTransport().listen('127.0.0.1:0', (connection) => {
      connection.onMessage(() => {
        for (let turn = 0; turn < 3; turn++)
          for (const message of MESSAGES)
            connection.send(message.subarray(0, 7), message.subarray(7, 9_000), message.subarray(9_000))
      })
    })
    const connection = await createTransport().connect(listener.address, { timeoutMs: 10_000 })
    connection.onMessage((message) => {
      got.push(bytes === 'lent' ? message.slice() : message)
      if (got.length === 3 * MESSAGES.length) all.resolve()
    }, bytes)
    connection.send(new Uint8Array(1))
    await all.promise
    assert.deepEqual(got, [...MESSAGES, ...MESSAGES, ...MESSAGES])
    const lost = Promise.withResolvers<void>()
    connection.onLost(() => lost.resolve())
    await listener.close()
    await lost.promise
  })

test('what the system has not taken stays as it was while more is sent', async () => {
  const sent = Promise.withResolvers<void>()
  const messages = Array.from({ length: 400 }, (_, i) => filled(30_000, i))
  const send = (connection: Connection, next: number): void => {
    const message = messages[next]
    if (message === undefined) return sent.resolve()
    connection.send(message)
    setImmediate(() => send(connection, next + 1))
  }
  let queuedBytes = (): number => 0
  const listener = await createTransport().listen('127.0.0.1:0', (connection) => {
    queuedBytes = connection.queuedBytes
    send(connection, 0)
  })
  const [host, port] = listener.address.split(':') as [string, string]
  const socket = net.connect({ host, port: Number(port) })
  await sent.promise
  assert(queuedBytes() > 0, 'more than a socket holds')
  let left = messages.length * 30_004
  const got: Buffer[] = []
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    got.push(bytes)
    if ((left -= bytes.length) === 0) break
  }
  const all = Buffer.concat(got)
  messages.forEach((message, i) =>
    assert.deepEqual(new Uint8Array(all.subarray(30_004 * i + 4, 30_004 * (i + 1))), message),
  )
  await listener.close()
})

test('a message that announces more than there may be ends its connection', async () => {
  await assert.rejects(
    receive(1, async (address) => {
      const [host, port] = address.split(':') as [string, string]
      const socket = net.connect({ host, port: Number(port) })
      socket.on('error', () => {})
      socket.write(Buffer.from([255, 255, 255, 255, 1]))
    }),
    /over 67108864/,
  )
})
