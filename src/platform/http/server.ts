/** The HttpServer port over plain node:http. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Fault } from '#kernel/fault.ts'
import type { HttpGate, HttpHandler, HttpHead, HttpResponse, HttpServer } from '#ports/http.ts'
import { httpLimits } from './limits.ts'

const HEAD_BYTES_MAX = httpLimits.headBytesMax.value
const HEADERS_MAX = httpLimits.headersMax.value
const HEAD_MS_MAX = httpLimits.headTimeMaxMs.value
const REQUEST_MS_MAX = httpLimits.requestTimeMaxMs.value
const IDLE_MS_MAX = httpLimits.idleTimeMaxMs.value
const CONNECTIONS_MAX = httpLimits.connectionsMax.value
const BACKLOG_MAX = httpLimits.backlogMax.value

export function createHttpServer(): HttpServer {
  return {
    async listen({ host, port, bodyBytesMax, shared, gate }, handler) {
      const server = createServer(
        {
          maxHeaderSize: HEAD_BYTES_MAX,
          headersTimeout: HEAD_MS_MAX,
          requestTimeout: REQUEST_MS_MAX,
          keepAliveTimeout: IDLE_MS_MAX,
          noDelay: true,
        },
        (request, response) => enter(request, response, gate, { handler, bodyBytesMax }),
      )
      server.maxHeadersCount = HEADERS_MAX
      server.maxConnections = CONNECTIONS_MAX
      // Nothing sent and nothing taken for so long: whoever reads no answer does not hold its bytes for ever.
      server.timeout = IDLE_MS_MAX
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)))
      server.listen({ host, port, backlog: BACKLOG_MAX, reusePort: shared === 'reusePort' }, resolve)
      await promise
      const address = server.address()
      return {
        host,
        port: typeof address === 'object' && address !== null ? address.port : port,
        async close({ graceMs }) {
          const closed = Promise.withResolvers<void>()
          server.close(() => closed.resolve())
          server.closeIdleConnections()
          const cut = setTimeout(() => server.closeAllConnections(), graceMs)
          await closed.promise
          clearTimeout(cut)
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
  const refused = gate?.enter(head)
  if (refused !== undefined) {
    request.resume()
    return send(response, refused)
  }
  if (gate !== undefined) response.once('close', () => gate.left(head))
  void answer(request, response, head, inside)
}

function headOf(request: IncomingMessage): HttpHead {
  return {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    headers: request.headers as Record<string, string | undefined>,
    remote: addressOf(request),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  head: HttpHead,
  { handler, bodyBytesMax }: Inside,
): Promise<void> {
  const controller = new AbortController()
  response.on('close', () => controller.abort(new Fault('net/client-gone', 'the client went away')))
  try {
    const body = await readBody(request, bodyBytesMax)
    if (body === undefined) return send(response, tooLarge(request, bodyBytesMax))
    send(response, await handler({ ...head, body, signal: controller.signal }))
  } catch {
    // The body broke off, or the handler has a bug that it has logged: either way this one request ends.
    if (!response.headersSent)
      send(response, { status: 500, headers: { 'content-type': 'text/plain' }, body: 'internal error' })
    else response.destroy()
  }
}

/** A socket for both families says `::ffff:192.0.2.1` of a peer that others call 192.0.2.1. */
function addressOf({ socket }: IncomingMessage): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
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

/** A plain view: the pure layers know no Buffer. */
function view(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** As geth says it. */
function tooLarge(request: IncomingMessage, bytesMax: number): HttpResponse {
  const length = request.headers['content-length'] ?? 'chunked'
  return {
    status: 413,
    headers: { 'content-type': 'text/plain' },
    body: `content length too large (${length}>${bytesMax})`,
  }
}

function send(response: ServerResponse, { status, headers, body }: HttpResponse): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  response.writeHead(status, { ...headers, 'content-length': bytes.length })
  response.end(bytes)
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Fault {
  if (error.code === 'EADDRINUSE') {
    return new Fault(
      'net/port-in-use',
      `${host}:${port} is taken: stop the process there or choose another port with --port`,
      { host, port },
      { cause: error },
    )
  }
  return new Fault(
    'net/refused',
    `cannot listen on ${host}:${port}: ${error.message}`,
    { host, port },
    { cause: error },
  )
}
