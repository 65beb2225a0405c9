/** Calls to the authenticated port of an execution client: JSON-RPC over HTTP with a token of its own each (execution-apis, engine/authentication: JWT, HS256, `iat`). */
import { fromUtf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { HttpClient } from '#ports/net/http.ts'
import type { RpcOutcome } from '#roles/master/client/calls.ts'

export interface EngineClient {
  /** @throws Fault net/unreachable, net/timeout, net/response-too-large, master/client-garbled */
  ask(method: string, params: readonly unknown[]): Promise<RpcOutcome>
}

const RESPONSE_BYTES_MAX = 1_000_000

/** @param options.token signs one that is issued now, in seconds since 1970 */
export function createEngineClient(
  options: {
    readonly url: string
    readonly token: (issuedAtSeconds: number) => string
    readonly timeoutMs: number
  },
  { http, clock }: { readonly http: HttpClient; readonly clock: Clock },
): EngineClient {
  let lastId = 0
  return {
    async ask(method, params) {
      const token = options.token(Math.floor(clock.wallMs() / 1_000))
      const response = await http.request(options.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method, params }),
        timeoutMs: options.timeoutMs,
        responseBytesMax: RESPONSE_BYTES_MAX,
      })
      const text = fromUtf8(response.body)
      if (response.status !== 200)
        return {
          error: { code: -response.status, message: `HTTP ${response.status}: ${text.slice(0, 200)}` },
        }
      return outcomeOf(text)
    },
  }
}

function outcomeOf(text: string): RpcOutcome {
  try {
    const { result, error } = JSON.parse(text) as {
      result?: unknown
      error?: { code: number; message: string }
    }
    return error === undefined ? { result } : { error }
  } catch (cause) {
    const message = `the authenticated port sent no JSON-RPC: ${text.slice(0, 200)}`
    throw new Fault('master/client-garbled', message, {}, { cause })
  }
}
