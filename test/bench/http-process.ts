/** Entry of a server that gives every request one constant answer: the price of HTTP alone. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHttpServer } from '#platform/http/server.ts'
import type { HttpServer } from '#ports/net/http.ts'

export const CONSTANT_SERVERS = ['node:http', 'port over node:http', 'own'] as const
export type ConstantServer = (typeof CONSTANT_SERVERS)[number]

const HOST = '127.0.0.1'
const ANSWER = '{"jsonrpc":"2.0","id":1,"result":"0x56bc75e2d63100000"}'
/** As many as a replica's answers carry. */
const HEADERS = {
  'content-type': 'application/json',
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'X-Block-Number, X-Block-Hash, X-Verified-Number, X-Drover-Forwarded, Retry-After',
  'x-block-number': '21000000',
  'x-block-hash': `0x${'5a'.repeat(32)}`,
  'x-verified-number': '21000000',
  'cache-control': 'no-store',
}

/** What the field's baseline is: no port, no limits, the least headers. */
function listenBare(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length })
      response.end(ANSWER)
    })
  })
  server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port))
  return promise
}

async function listenPort(server: HttpServer): Promise<number> {
  const options = { host: HOST, port: 0, bodyBytesMax: 5 * 1024 * 1024 }
  const listener = await server.listen(options, async () => ({ status: 200, headers: HEADERS, body: ANSWER }))
  return listener.port
}

const listen: Record<ConstantServer, () => Promise<number>> = {
  'node:http': listenBare,
  'port over node:http': () => listenPort(createHttpServer('node')),
  own: () => listenPort(createHttpServer('own')),
}

if (import.meta.main) {
  process.on('disconnect', () => process.exit(0))
  process.send?.({ port: await listen[process.argv[2] as ConstantServer]() })
}
