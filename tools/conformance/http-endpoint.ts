/** A node at a URL. Whatever the HTTP status, the body is the answer. */
import type { Endpoint } from './run.ts'

const REQUEST_MS = 60_000

export function httpEndpoint(url: string): Endpoint {
  return {
    async ask(request) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: request,
        signal: AbortSignal.timeout(REQUEST_MS),
      }).catch((thrown: unknown) => {
        throw new Error(`${url} does not answer: ${String((thrown as Error).cause ?? thrown)}`)
      })
      return response.text()
    },
  }
}
