/**
 * The execution client as its master sees it: calls, and a word each time its head may have moved. Over one WebSocket, or calls over
 * HTTP where the address is http:// (new heads need WebSocket also then; polling instead of it does not exist yet). Stands between
 * the follower and an unmodified geth, reth, anvil…: a lost connection fails the calls in flight with `master/client-lost`, is
 * dialled again with backoff and jitter, and each new connection counts as a new head, because heads were missed in between.
 */
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { HttpClient } from '#ports/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { WebSocketClient, WebSocketConnection } from '#ports/web-socket.ts'
import * as limits from './client-limits.ts'
import { type Calls, createCalls, type RpcOutcome } from './calls.ts'

export interface ExecutionClient {
  /** The result of a call.
   *  @throws Fault master/client-lost, master/client-timeout, master/client-busy, master/client-error (the client's own refusal) */
  call(method: string, params: readonly unknown[]): Promise<unknown>
  /** As `call`, but a refusal by the client is an outcome: for the forward port. */
  ask(method: string, params: readonly unknown[]): Promise<RpcOutcome>
  connected(): boolean
  /** Connects and stays connected until the signal is aborted. `onNews` runs at each new head and each new connection. */
  run(onNews: () => void, signal: AbortSignal): Promise<void>
}

export interface ClientOptions {
  /** ws(s):// or http(s)://. */
  readonly url: string
  /** ws(s)://, where `url` is http(s):// and heads come from another address. */
  readonly headsUrl?: string | undefined
  readonly timeoutMs: number
}

export interface ClientCollaborators {
  readonly clock: Clock
  readonly random: Random
  readonly http: HttpClient
  readonly webSocket: WebSocketClient
  readonly log: Logger
}

/** @throws Fault master/client-url */
export function createExecutionClient(options: ClientOptions, parts: ClientCollaborators): ExecutionClient {
  const overHttp = /^https?:/.test(options.url)
  const headsUrl = options.headsUrl ?? options.url.replace(/^http/, 'ws')
  if (!/^(http|ws)s?:\/\//.test(options.url) || !/^wss?:\/\//.test(headsUrl))
    throw new Fault(
      'master/client-url',
      `an execution client is reached at ws://… or http://…, and its heads at ws://…; not at ${options.url}`,
      { client: options.url, heads: headsUrl },
    )
  let socket: WebSocketConnection | undefined
  const calls = createCalls(options.timeoutMs, parts.clock, async (text, id) => {
    if (overHttp) calls.receive(await post(parts.http, options, text), id)
    else if (socket === undefined) throw lost(options.url)
    else socket.send(text)
  })
  const ask = calls.ask
  return {
    ask,
    async call(method, params) {
      const outcome = await ask(method, params)
      if ('result' in outcome) return outcome.result
      const { code, message } = outcome.error
      throw new Fault('master/client-error', `the execution client refused ${method}: ${message}`, {
        method,
        code,
      })
    },
    connected: () => socket !== undefined,
    run: (onNews, signal) => {
      const connect = async (): Promise<void> => {
        const connection = await parts.webSocket.connect(headsUrl, {
          timeoutMs: limits.CONNECT_TIMEOUT_MS,
          messageBytesMax: limits.RESPONSE_BYTES_MAX,
        })
        try {
          await listen(connection, signal)
        } finally {
          socket = undefined
          if (!overHttp) calls.loseAll(lost(options.url))
          connection.close()
        }
      }
      const listen = async (connection: WebSocketConnection, until: AbortSignal): Promise<void> => {
        const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>()
        connection.onLost((cause) => fail(lost(headsUrl, cause)))
        const ownCalls = overHttp ? headCalls(connection, options, parts) : calls
        connection.onMessage((text) => (isHead(text) ? onNews() : ownCalls.receive(text)))
        until.addEventListener('abort', () => end(), { once: true })
        if (until.aborted) return // while it was dialled
        socket = connection
        parts.log.info('connected to the execution client', { client: headsUrl })
        const subscribed = await Promise.race([ended, ownCalls.ask('eth_subscribe', ['newHeads'])])
        if (subscribed !== undefined && 'error' in subscribed)
          throw new Fault(
            'master/no-heads',
            `${headsUrl} gives no new heads: ${subscribed.error.message}`,
            {},
          )
        onNews()
        await ended
      }
      return keepConnected(connect, headsUrl, parts, signal)
    },
  }
}

/** Runs `connect`, which lasts as long as its connection does, again and again. A connection that held makes the pauses short again. */
async function keepConnected(
  connect: () => Promise<void>,
  url: string,
  { clock, random, log }: ClientCollaborators,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = limits.RECONNECT_MS_MIN
  while (!signal.aborted) {
    const startedMs = clock.nowMs()
    try {
      await connect()
    } catch (thrown) {
      if (signal.aborted) return
      if (faultCode(thrown) === undefined) throw thrown
      log.warn('the execution client cannot be reached', { client: url, reason: messageOf(thrown) })
    }
    if (clock.nowMs() - startedMs > limits.RECONNECT_MS_MAX) pauseMs = limits.RECONNECT_MS_MIN
    await clock.sleep(pauseMs * (0.75 + random.unit() / 2), signal).catch(() => {})
    pauseMs = Math.min(2 * pauseMs, limits.RECONNECT_MS_MAX)
  }
}

/** The socket of an HTTP client carries one call only, the subscription. */
function headCalls(
  connection: WebSocketConnection,
  options: ClientOptions,
  parts: ClientCollaborators,
): Calls {
  return createCalls(options.timeoutMs, parts.clock, async (text) => connection.send(text))
}

async function post(http: HttpClient, options: ClientOptions, text: string): Promise<string> {
  const response = await http.request(options.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: text,
    timeoutMs: options.timeoutMs,
    responseBytesMax: limits.RESPONSE_BYTES_MAX,
  })
  return new TextDecoder().decode(response.body)
}

/** A cheap look before the whole text is parsed: answers to calls carry no method. */
function isHead(text: string): boolean {
  return text.length < 16_384 && text.includes('"eth_subscription"')
}

function lost(url: string, cause?: unknown): Fault {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  return new Fault(
    'master/client-lost',
    `no connection to the execution client at ${url}${why}`,
    { url },
    { cause },
  )
}
