/** The Http ports over the simulated network: a connection for each request, lost like any other; the answer or nothing. */
import { Fault, messageOf } from '#kernel/fault.ts'
import { utf8 } from '#kernel/bytes.ts'
import { type HttpClient, type HttpResponse, type HttpServer, wholeBody } from '#ports/net/http.ts'
import type { Life } from '#sim/world/life.ts'
import type { End, Network } from './network.ts'

type Message =
  | {
      readonly kind: 'request'
      readonly method: string
      readonly target: string
      readonly headers: Readonly<Record<string, string>>
      readonly body: Uint8Array
    }
  | { readonly kind: 'response'; readonly response: HttpResponse }

/** Of the heads of a message, for the bytes that are on their way. */
const HEAD_BYTES = 200

export function createHttpServer(life: Life, network: Network): HttpServer {
  return {
    async listen({ host, port, bodyBytesMax }, handler) {
      const open = new Set<End<Message>>()
      const listening = network.listen<Message>(life, `${host}:${port}`, (end) => {
        open.add(end)
        const gone = new AbortController()
        end.onLost((cause) => {
          open.delete(end)
          gone.abort(cause)
        })
        end.onMessage((message) => {
          if (message.kind !== 'request') return
          if (message.body.length > bodyBytesMax) return answer(end, { status: 413, headers: {}, body: '' })
          void Promise.resolve(handler({ ...message, remote: end.peer, signal: gone.signal })).then(
            (response) => {
              answer(end, response)
            },
          )
        })
      })
      return {
        host,
        port,
        async close({ graceMs }) {
          listening.close()
          if (open.size > 0) await life.clock.sleep(graceMs)
          for (const end of open) end.close()
        },
      }
    },
  }
}

function answer(end: End<Message>, response: HttpResponse): void {
  const body = wholeBody(response)
  const { status, headers } = response
  // What was given in one piece of bytes is its owner's again.
  const copy = body === response.body ? body.slice() : body
  end.send({ kind: 'response', response: { status, headers, body: copy } }, HEAD_BYTES + body.length)
  response.taken?.()
}

export function createHttpClient(life: Life, network: Network): HttpClient {
  return {
    async request(url, options) {
      const { host, target } = partsOf(url)
      let isOver = false
      const outcome = Promise.withResolvers<HttpResponse>()
      outcome.promise.catch(() => {}) // awaited below, or given up together with the connection
      let end: End<Message> | undefined
      const late = life.clock.after(options.timeoutMs, () =>
        outcome.reject(
          new Fault('net/timeout', `${url} did not answer within ${options.timeoutMs} ms`, { url }),
        ),
      )
      const aborted = (): void => outcome.reject(options.signal?.reason)
      options.signal?.addEventListener('abort', aborted, { once: true })
      network.connect<Message>(life, host, options.timeoutMs).then((opened) => {
        end = opened
        opened.onLost((cause) =>
          outcome.reject(
            new Fault('net/unreachable', `${url} cannot be reached: ${messageOf(cause)}`, { url }),
          ),
        )
        opened.onMessage((message) => {
          if (message.kind === 'response') outcome.resolve(message.response)
        })
        const body =
          typeof options.body === 'string' ? utf8(options.body) : (options.body ?? new Uint8Array())
        if (isOver) opened.close()
        else {
          const { method, headers = {} } = options
          opened.send({ kind: 'request', method, target, headers, body }, HEAD_BYTES + body.length)
        }
      }, outcome.reject)
      try {
        const response = await outcome.promise
        const body = wholeBody(response)
        if (body.length > options.responseBytesMax)
          throw new Fault('net/response-too-large', `${url} answered with more than was asked for`, { url })
        return { status: response.status, headers: response.headers, body }
      } finally {
        isOver = true
        late.cancel()
        options.signal?.removeEventListener('abort', aborted)
        end?.close()
      }
    },
  }
}

/** `http://host:port/path`. */
function partsOf(url: string): { host: string; target: string } {
  const [, host = '', target = ''] = /^http:\/\/([^/]+)(.*)$/.exec(url) ?? []
  return { host, target: target === '' ? '/' : target }
}
