/** The HttpServer port over plain node:http: what our own server is held against, and what it can be exchanged for. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import { Fault } from '#kernel/fault.ts'
import {
  type HttpGate,
  type HttpHandler,
  type HttpHead,
  type HttpResponse,
  type HttpServer,
  wholeBody,
} from '#ports/net/http.ts'
import { type HttpLimits, limitValues } from './limits.ts'
import { listenAt } from './listening.ts'
import { originForm } from './message/request-head.ts'

/** How often Node looks for requests that take too long; its own half minute would make ten seconds forty. */
const CHECK_MS = 500

/** @param limits others than the named ones, for tests */
export function createNodeHttpServer(limits: Partial<HttpLimits> = {}): HttpServer {
  const all = { ...limitValues(), ...limits }
  return {
    async listen({ host, port, bodyBytesMax, shared, gate }, handler) {
      let draining = false
      const server = createServer(
        {
          maxHeaderSize: all.headBytesMax,
          headersTimeout: all.headTimeMaxMs,
          requestTimeout: Math.max(all.headTimeMaxMs, all.requestTimeMaxMs),
          keepAliveTimeout: all.idleTimeMaxMs,
          connectionsCheckingInterval: CHECK_MS,
          noDelay: true,
        },
        (request, response) => {
          if (draining) response.setHeader('connection', 'close')
          enter(request, response, gate, { handler, bodyBytesMax })
        },
      )
      server.maxHeadersCount = all.headersMax
      server.maxConnections = all.connectionsMax
      // Nothing sent and nothing taken for so long: whoever reads no answer does not hold its bytes for ever.
      server.timeout = all.idleTimeMaxMs
      const place = { host, port, ...(shared !== undefined && { shared }) }
      const bound = await listenAt(server, place)
      return {
        host,
        port: bound,
        async close({ graceMs, idleGraceMs = 0 }) {
          const closed = Promise.withResolvers<void>()
          draining = true
          // Node's own close ends idle connections at once.
          NetServer.prototype.close.call(server, () => closed.resolve())
          const idle = setTimeout(() => server.closeIdleConnections(), Math.min(idleGraceMs, graceMs))
          const cut = setTimeout(() => server.closeAllConnections(), graceMs)
          await closed.promise
          clearTimeout(idle)
          clearTimeout(cut)
          server.close(() => {}) // its look for late requests ends here
        },
      }
    },
  }
}

interface Inside {
  readonly handler: HttpHandler
  readonly bodyBytesMax: number
}

function enter(
  request: IncomingMessage,
  response: ServerResponse,
  gate: HttpGate | undefined,
  inside: Inside,
): void {
  const head = headOf(request)
  if (head === undefined) return send(response, plain(400, 'Bad Request'))
  const refused = gate?.enter(head)
  if (refused !== undefined) {
    request.resume()
    return send(response, refused)
  }
  if (gate !== undefined) response.once('close', () => gate.left(head))
  void answer(request, response, head, inside)
}

/** Undefined where the target has no path. */
function headOf(request: IncomingMessage): HttpHead | undefined {
  const method = request.method ?? 'GET'
  const target = originForm(request.url ?? '/', method)
  const headers = request.headers as Record<string, string | undefined>
  return target === undefined ? undefined : { method, target, headers, remote: addressOf(request) }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  head: HttpHead,
  { handler, bodyBytesMax }: Inside,
): Promise<void> {
  const controller = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) controller.abort(new Fault('net/client-gone', 'the client went away'))
  })
  try {
    const body = await readBody(request, bodyBytesMax)
    if (body === undefined) return send(response, tooLarge(request, bodyBytesMax))
    send(response, await handler({ ...head, body, signal: controller.signal }))
  } catch {
    // The body broke off, or the handler has a bug that it has logged: either way this one request ends.
    if (!response.headersSent) send(response, plain(500, 'internal error'))
    else response.destroy()
  }
}

/** Undefined where it is longer than allowed: the rest is read and dropped, so that its sender can hear the refusal. */
function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
  const parts: Uint8Array[] = []
  let length = Number(request.headers['content-length'] ?? 0) > bytesMax ? bytesMax + 1 : 0
  request.on('data', (part: Buffer) => {
    length += part.length
    if (length <= bytesMax) parts.push(part)
    else resolve(undefined)
  })
  request.on('end', () =>
    resolve(parts.length === 1 ? view(parts[0] as Uint8Array) : view(Buffer.concat(parts))),
  )
  request.on('error', reject)
  request.on('close', () => reject(new Fault('net/client-gone', 'the client went away')))
  return promise
}

function addressOf({ socket }: IncomingMessage): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
}

/** A plain view: the pure layers know no Buffer. */
function view(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** As geth says it. */
function tooLarge(request: IncomingMessage, bytesMax: number): HttpResponse {
  const length = request.headers['content-length'] ?? 'chunked'
  return plain(413, `content length too large (${length}>${bytesMax})`)
}

function plain(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body }
}

function send(response: ServerResponse, answer: HttpResponse): void {
  const { status, headers, taken } = answer
  if (taken !== undefined) response.once('close', taken)
  const bytes = wholeBody(answer)
  const length = status === 204 || status === 304 ? {} : { 'content-length': bytes.length }
  response.writeHead(status, { ...headers, ...length })
  response.end(bytes)
}
