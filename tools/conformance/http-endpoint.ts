/** A node at a URL. Whatever the HTTP status, the body is the answer. */
import type { Endpoint } from './run.ts'

const REQUEST_MS = 60_000

/** A connection that the node closed while it lay idle, as it may, says nothing about the node: once more, on another. */
const TRIES = 3
const SHOWN = 2_000

export function httpEndpoint(url: string): Endpoint {
  const post = async (request: string): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: request,
      signal: AbortSignal.timeout(REQUEST_MS),
    })
  return {
    async ask(request) {
      for (let tries = 1; ; tries++) {
        try {
          return await (await post(request)).text()
        } catch (thrown) {
          const cause = (thrown as { cause?: { code?: string } }).cause
          // A transaction is not sent twice.
          const isSafe = cause?.code === 'UND_ERR_SOCKET' && !request.includes('eth_sendRawTransaction')
          if (!isSafe || tries === TRIES)
            throw new Error(`${url} does not answer: ${String(cause ?? thrown)}: ${request.slice(0, SHOWN)}`)
        }
      }
    },
  }
}
