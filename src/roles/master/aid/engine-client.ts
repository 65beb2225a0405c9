/** Calls to the authenticated port of an execution client: JSON-RPC over HTTP with a token of its own each (execution-apis, engine/authentication: JWT, HS256, `iat`). */
import { sha256 } from '#core/keccak.ts'
import { concatBytes, fromUtf8, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { HttpClient } from '#ports/net/http.ts'
import type { RpcOutcome } from '#roles/master/client/calls.ts'

export interface EngineClient {
  /** @throws Fault net/unreachable, net/timeout, net/response-too-large, master/client-garbled */
  ask(method: string, params: readonly unknown[]): Promise<RpcOutcome>
}

const RESPONSE_BYTES_MAX = 1_000_000
const SHA256_BLOCK_BYTES = 64

/** @param options.secret 32 bytes, the client's too */
export function createEngineClient(
  options: { readonly url: string; readonly secret: Uint8Array; readonly timeoutMs: number },
  { http, clock }: { readonly http: HttpClient; readonly clock: Clock },
): EngineClient {
  let lastId = 0
  return {
    async ask(method, params) {
      const token = jsonWebToken(options.secret, Math.floor(clock.wallMs() / 1_000))
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

/** RFC 7519 with RFC 2104 over SHA-256. */
export function jsonWebToken(secret: Uint8Array, issuedAtSeconds: number): string {
  const part = (value: object): string => base64Url(utf8(JSON.stringify(value)))
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iat: issuedAtSeconds })}`
  return `${signed}.${base64Url(hmacSha256(secret, utf8(signed)))}`
}

function hmacSha256(secret: Uint8Array, text: Uint8Array): Uint8Array {
  const key = new Uint8Array(SHA256_BLOCK_BYTES)
  key.set(secret.length > SHA256_BLOCK_BYTES ? sha256(secret) : secret)
  const padded = (pad: number): Uint8Array => key.map((byte) => byte ^ pad)
  return sha256(concatBytes(padded(0x5c), sha256(concatBytes(padded(0x36), text))))
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** RFC 4648 §5 without padding. */
function base64Url(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3)
    const group = (a << 16) | (b << 8) | c
    const digits = Math.min(3, bytes.length - i) + 1
    for (let j = 0; j < digits; j++) text += DIGITS.charAt((group >> (18 - 6 * j)) & 63)
  }
  return text
}
