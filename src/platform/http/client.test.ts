import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createHttpClient } from './client.ts'

let server: Server
let url: string
let connections = 0
const client = createHttpClient()

before(async () => {
  server = createServer((request, response) => {
    if (request.url === '/never') return
    if (request.url === '/big') return void response.end('x'.repeat(10_000))
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half')
      setImmediate(() => response.destroy())
      return
    }
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => response.writeHead(207, { 'x-method': request.method }).end(`got ${body}`))
  })
  server.on('connection', () => connections++)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => {
  client.close()
  server.closeAllConnections()
  server.close()
})

const limits = { timeoutMs: 5_000, responseBytesMax: 1_000 }

test('a request carries its body there and the status, headers and body back', async () => {
  const response = await client.request(`${url}/`, { ...limits, method: 'POST', body: 'hällo' })
  assert.equal(response.status, 207)
  assert.equal(response.headers['x-method'], 'POST')
  assert.equal(new TextDecoder().decode(response.body), 'got hällo')
})

test('one after another, requests share a connection', async () => {
  const before = connections
  for (let i = 0; i < 5; i++) await client.request(`${url}/`, { ...limits, method: 'GET' })
  assert.ok(connections - before <= 1)
})

test('a response over the limit is refused', async () => {
  await assert.rejects(client.request(`${url}/big`, { ...limits, method: 'GET' }), {
    code: 'net/response-too-large',
  })
})

test('silence ends at the deadline', async () => {
  await assert.rejects(client.request(`${url}/never`, { ...limits, timeoutMs: 30, method: 'GET' }), {
    code: 'net/timeout',
  })
})

test('a response that breaks off is a fault, not a short body', async () => {
  await assert.rejects(client.request(`${url}/cut`, { ...limits, method: 'GET' }), {
    code: 'net/unreachable',
  })
})

test('nobody there is unreachable', async () => {
  await assert.rejects(client.request('http://127.0.0.1:1/', { ...limits, method: 'GET' }), {
    code: 'net/unreachable',
  })
})

test('an aborted request ends with the reason of the signal', async () => {
  const abort = new AbortController()
  const asked = client.request(`${url}/never`, { ...limits, method: 'GET', signal: abort.signal })
  abort.abort(new Error('no longer needed'))
  await assert.rejects(asked, { message: 'no longer needed' })
})
