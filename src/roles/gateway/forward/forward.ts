/**
 * Asks masters' forward ports what no replica knows: transactions on their way, pending state, history below the horizon. A read goes to
 * the first master that answers; a transaction goes to every master, because a client that has not heard of it may build the next block.
 */
import { keccak256 } from '#core/keccak.ts'
import { fromUtf8, toHex, tryFromHex } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { HttpClient } from '#ports/net/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { GatewayMetrics } from '#roles/gateway/metrics.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'

const RESPONSE_BYTES_MAX = gatewayLimits.forwardAnswerBytesMax.value
/** A master that failed is asked last for this long. */
const AVOID_MS = 1_000
/** What a user's library retries: the master's client is away or slow. */
const RETRY_LATER = -32005
const ALREADY_KNOWN = /^already known|already imported|AlreadyKnown/i
const BLOB_TYPE = 3

/** `json` is the text of the result, or of the error object, without id. */
export type Forwarded = { readonly kind: 'result' | 'error'; readonly json: string }

export interface Forward {
  /** The first master's answer; undefined where none can be asked. */
  ask(method: string, params: unknown, untilMs: number, signal: AbortSignal): Promise<Forwarded | undefined>
  /** Gives a raw transaction to every master. Undefined where none can be asked; a transaction that was known before is a success. */
  send(params: unknown, untilMs: number): Promise<Forwarded | undefined>
}

export function createForward(
  options: { readonly masters: readonly string[]; readonly secret: string | undefined },
  parts: {
    readonly http: HttpClient
    readonly clock: Clock
    readonly log: Logger
    readonly metrics: GatewayMetrics
  },
): Forward {
  const { clock, log, metrics } = parts
  const avoidUntilMs = new Map<string, number>()
  const headers = {
    'content-type': 'application/json',
    ...(options.secret !== undefined && { authorization: `Bearer ${options.secret}` }),
  }

  const askOne = async (
    url: string,
    body: string,
    untilMs: number,
    signal?: AbortSignal,
  ): Promise<Forwarded | undefined> => {
    try {
      const response = await parts.http.request(url, {
        method: 'POST',
        headers,
        body,
        timeoutMs: Math.max(1, untilMs - clock.nowMs()),
        responseBytesMax: RESPONSE_BYTES_MAX,
        ...(signal && { signal }),
      })
      const answer = response.status === 200 ? readAnswer(response.body) : undefined
      if (answer !== undefined) {
        avoidUntilMs.delete(url)
        return answer
      }
      log.warn('a master did not answer a forwarded call', { url, status: response.status })
    } catch (thrown) {
      if (signal?.aborted === true) return undefined
      if (!(thrown instanceof Fault)) throw thrown
      log.warn('a master cannot be asked', { url, error: messageOf(thrown) })
    }
    avoidUntilMs.set(url, clock.nowMs() + AVOID_MS)
    return undefined
  }

  return {
    async ask(method, params, untilMs, signal) {
      const body = wellFormed(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
      const avoided = (url: string): number => ((avoidUntilMs.get(url) ?? 0) > clock.nowMs() ? 1 : 0)
      for (const url of options.masters.toSorted((a, b) => avoided(a) - avoided(b))) {
        if (signal.aborted || clock.nowMs() >= untilMs) return undefined
        const answer = await askOne(url, body, untilMs, signal)
        if (answer === undefined) continue
        metrics.forwarded.add(1)
        return answer
      }
      return undefined
    },
    async send(params, untilMs) {
      // Not the user's signal: once taken, a transaction is given to all masters even if the user goes away.
      const body = wellFormed(
        JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params }),
      )
      const attempts = options.masters.map((url) => askOne(url, body, untilMs))
      const accepted = await firstAccepted(attempts)
      if (accepted !== undefined) return accepted
      const refusals = (await Promise.all(attempts)).filter((answer) => answer !== undefined)
      const known = refusals.some(({ json }) => isAlreadyKnown(json)) ? transactionHash(params) : undefined
      return known === undefined ? refusals[0] : { kind: 'result', json: JSON.stringify(known) }
    },
  }
}

/**
 * Half of a surrogate pair is U+FFFD to geth, and to clients that are strict no JSON: they answer nobody by name, and whoever asked waits
 * for nothing until its time is over. In the text of JSON.stringify (ECMA-262 §25.5.2.3) only halves are written as escapes.
 */
export function wellFormed(json: string): string {
  if (!json.includes('\\ud')) return json
  return json.replace(/\\(?:\\|ud[89a-f][0-9a-f]{2})/g, (found) => (found.length === 2 ? found : '\ufffd'))
}

/** The first result, without waiting for the slower masters; undefined when all have refused. */
async function firstAccepted(
  attempts: readonly Promise<Forwarded | undefined>[],
): Promise<Forwarded | undefined> {
  const found = Promise.withResolvers<Forwarded | undefined>()
  for (const attempt of attempts)
    attempt.then((answer) => {
      if (answer?.kind === 'result') found.resolve(answer)
    }, found.reject)
  Promise.all(attempts).then(() => found.resolve(undefined), found.reject)
  return found.promise
}

function isAlreadyKnown(errorJson: string): boolean {
  const { message } = JSON.parse(errorJson) as { message?: unknown }
  return typeof message === 'string' && ALREADY_KNOWN.test(message)
}

/** The hash of a raw transaction; undefined for blob transactions, which travel with what their hash leaves out. */
export function transactionHash(params: unknown): string | undefined {
  const raw: unknown = Array.isArray(params) ? params[0] : undefined
  const bytes = typeof raw === 'string' ? tryFromHex(raw) : undefined
  if (bytes === undefined || bytes.length === 0 || bytes[0] === BLOB_TYPE) return undefined
  return toHex(keccak256(bytes))
}

/** Undefined for what is no JSON-RPC answer, and for an answer that says that the client is away. */
function readAnswer(body: Uint8Array): Forwarded | undefined {
  let answer: { result?: unknown; error?: { code?: unknown } } | null
  try {
    answer = JSON.parse(fromUtf8(body)) as typeof answer
  } catch {
    return undefined // a proxy's page, or cut off
  }
  if (typeof answer !== 'object' || answer === null) return undefined
  if (answer.error !== undefined)
    return answer.error?.code === RETRY_LATER
      ? undefined
      : { kind: 'error', json: JSON.stringify(answer.error) }
  return answer.result === undefined ? undefined : { kind: 'result', json: JSON.stringify(answer.result) }
}
