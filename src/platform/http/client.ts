/**
 * HttpClient over node:http and node:https: connections are kept alive and bounded per origin, a request has one deadline from start to
 * last byte, and a response larger than asked for is cut off instead of collected.
 */
import { Agent as PlainAgent, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { HttpClient } from '#ports/net/http.ts'

/** Sockets open at once to one origin; further requests wait inside their own deadline. */
const SOCKETS_MAX = 256
/** Idle sockets are closed after this, before most servers close them (geth 120 s, Node 5 s by default). */
const IDLE_SOCKET_MS = 4_000

type Response = Awaited<ReturnType<HttpClient['request']>>
type RequestOptions = Parameters<HttpClient['request']>[1]

/** `close` ends the idle connections; open requests end by their own deadline. */
export function createHttpClient(): HttpClient & { close(): void } {
  const agentOptions = {
    keepAlive: true,
    maxSockets: SOCKETS_MAX,
    timeout: IDLE_SOCKET_MS,
    scheduling: 'lifo',
  } as const
  const plain = new PlainAgent(agentOptions)
  const secure = new SecureAgent(agentOptions)
  return {
    request: (url, options) => exchange(url, options, url.startsWith('https:') ? secure : plain),
    close() {
      plain.destroy()
      secure.destroy()
    },
  }
}

function exchange(url: string, options: RequestOptions, agent: PlainAgent): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  const body = options.body
  const headers: Record<string, string | number> = { ...options.headers }
  if (body !== undefined)
    headers['content-length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length

  const open = url.startsWith('https:') ? secureRequest : plainRequest
  const request = open(url, { method: options.method, headers, agent })
  const fail = (fault: unknown): void => {
    reject(fault)
    request.destroy()
  }
  const deadline = setTimeout(
    () => fail(new Fault('net/timeout', `${url} did not answer within ${options.timeoutMs} ms`, { url })),
    options.timeoutMs,
  )
  const aborted = (): void => fail(options.signal?.reason)
  options.signal?.addEventListener('abort', aborted, { once: true })

  request.on(
    'response',
    (response) => void collect(response, url, options.responseBytesMax).then(resolve, fail),
  )
  request.on('error', (cause) => reject(unreachable(url, cause)))
  request.end(body)
  if (options.signal?.aborted === true) aborted()
  return promise.finally(() => {
    clearTimeout(deadline)
    options.signal?.removeEventListener('abort', aborted)
  })
}

async function collect(response: IncomingMessage, url: string, bytesMax: number): Promise<Response> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      length += chunk.length
      if (length > bytesMax)
        throw new Fault('net/response-too-large', `${url} answered with more than ${bytesMax} bytes`, { url })
      chunks.push(chunk)
    }
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : unreachable(url, thrown)
  }
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  return { status: response.statusCode ?? 0, headers, body: new Uint8Array(Buffer.concat(chunks, length)) }
}

function unreachable(url: string, cause: unknown): Fault {
  return new Fault('net/unreachable', `${url} cannot be reached: ${messageOf(cause)}`, { url }, { cause })
}
