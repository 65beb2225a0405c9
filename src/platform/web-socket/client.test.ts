import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { createWebSocketClient } from './client.ts'

let server: WebSocketServer
let url: string
const client = createWebSocketClient()
const limits = { timeoutMs: 5_000, messageBytesMax: 1_000 }

before(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    socket.send('welcome')
    socket.on('message', (data) => {
      if (String(data) === 'go away') socket.close()
      else if (String(data) === 'flood') socket.send('x'.repeat(2_000))
      else socket.send(`echo ${String(data)}`)
    })
  })
  await new Promise<void>((listening) => server.once('listening', listening))
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => {
  for (const socket of server.clients) socket.terminate()
  server.close()
})

async function talk(send: string): Promise<{ texts: string[]; lost: unknown }> {
  const connection = await client.connect(url, limits)
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const texts: string[] = []
  await new Promise((later) => setTimeout(later, 20)) // what comes before the handler is set must not be lost
  connection.onLost(resolve)
  connection.onMessage((text) => {
    texts.push(text)
    if (text === 'welcome') connection.send(send)
    else connection.close()
  })
  return { texts, lost: await promise }
}

test('messages arrive in order, those sent before anybody listened too', async () => {
  assert.deepEqual((await talk('hello')).texts, ['welcome', 'echo hello'])
})

test('the loss is told when the other side closes', async () => {
  assert.match(String((await talk('go away')).lost), /closed the connection/)
})

test('a message over the limit loses the connection instead of filling memory', async () => {
  const { texts, lost } = await talk('flood')
  assert.deepEqual(texts, ['welcome'])
  assert.match(String(lost), /Max payload size exceeded/)
})

test('nobody there is unreachable', async () => {
  await assert.rejects(client.connect('ws://127.0.0.1:1', limits), { code: 'net/unreachable' })
})
