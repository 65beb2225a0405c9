/**
 * The execution client as its master sees it: calls, and a word each time its head may have moved. Over one WebSocket, or calls over
 * HTTP where the address is http://; heads come by WebSocket also then where the client has one, else they are polled. Stands between
 * the follower and an unmodified geth, reth, anvil…: a lost connection fails the calls in flight with `master/client-lost`, is
 * dialled again with backoff and jitter, and each new connection counts as a new head, because heads were missed in between.
 */
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { HttpClient } from '#ports/net/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { WebSocketClient, WebSocketConnection } from '#ports/net/web-socket.ts'
import * as limits from './client-limits.ts'
import { type Calls, createCalls, type RpcOutcome } from './calls.ts'
import { pollHeads } from './poll-heads.ts'

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
  /** Heads are being polled, and the last poll was answered. */
  let polled = false
  const calls = createCalls(options.timeoutMs, parts.clock, async (text, id) => {
    if (overHttp) calls.receive(await post(parts.http, options, text), id)
    else if (socket === undefined) throw lost(options.url)
    else socket.send(text)
  })
  const ask = calls.ask
  const call = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    const outcome = await ask(method, params)
    if ('result' in outcome) return outcome.result
    const { code, message } = outcome.error
    throw new Fault('master/client-error', `the execution client refused ${method}: ${message}`, {
      method,
      code,
    })
  }
  /** Lasts as long as the connection. */
  const bySocket = async (onNews: () => void, signal: AbortSignal): Promise<void> => {
    const connection = await parts.webSocket.connect(headsUrl, {
      timeoutMs: limits.CONNECT_TIMEOUT_MS,
      messageBytesMax: limits.RESPONSE_BYTES_MAX,
    })
    try {
      if (signal.aborted) return
      socket = connection
      polled = false
      parts.log.info('connected to the execution client', { client: headsUrl })
      await listen(connection, overHttp ? headCalls(connection, options, parts) : calls, {
        url: headsUrl,
        onNews,
        signal,
      })
    } finally {
      socket = undefined
      if (!overHttp) calls.loseAll(lost(options.url))
      connection.close()
    }
  }
  let dialAgainMs = Number.NEGATIVE_INFINITY
  /** A client that gives no heads by WebSocket is polled, and dialled again now and then. */
  const bySocketOrPoll = async (onNews: () => void, signal: AbortSignal): Promise<void> => {
    const refusal =
      parts.clock.nowMs() < dialAgainMs
        ? undefined
        : await refusalOf((onHeads) => bySocket(onHeads, signal), onNews)
    let answered = false
    const onAnswer = (): void => {
      if (refusal !== undefined && !answered) {
        dialAgainMs = parts.clock.nowMs() + limits.DIAL_AGAIN_MS
        if (!polled)
          parts.log.info('no WebSocket there: heads are polled', { client: options.url, reason: refusal })
      }
      answered = true
      polled = true
    }
    try {
      const goOn = (): boolean => parts.clock.nowMs() < dialAgainMs
      await pollHeads({ call, onAnswer, onNews, goOn }, parts.clock, signal)
    } catch (thrown) {
      polled = false
      throw thrown
    }
  }
  return {
    ask,
    call,
    connected: () => socket !== undefined || polled,
    run: (onNews, signal) =>
      overHttp && options.headsUrl === undefined
        ? keepConnected(() => bySocketOrPoll(onNews, signal), options.url, parts, signal)
        : keepConnected(() => bySocket(onNews, signal), headsUrl, parts, signal),
  }
}

/** Hears new heads until the signal is aborted. @throws Fault master/client-lost, master/no-heads */
async function listen(
  connection: WebSocketConnection,
  calls: Calls,
  {
    url,
    onNews,
    signal,
  }: { readonly url: string; readonly onNews: () => void; readonly signal: AbortSignal },
): Promise<void> {
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>()
  connection.onLost((cause) => fail(lost(url, cause)))
  connection.onMessage((text) => (isHead(text) ? onNews() : calls.receive(text)))
  signal.addEventListener('abort', () => end(), { once: true })
  const subscribed = await Promise.race([ended, calls.ask('eth_subscribe', ['newHeads'])])
  if (subscribed !== undefined && 'error' in subscribed)
    throw new Fault('master/no-heads', `${url} gives no new heads: ${subscribed.error.message}`, {})
  onNews()
  await ended
}

/** Why there are no heads to be had; undefined when there were, and the signal ended them. @throws what ends a connection that gave heads */
async function refusalOf(
  connect: (onNews: () => void) => Promise<void>,
  onNews: () => void,
): Promise<string | undefined> {
  let gaveHeads = false
  try {
    await connect(() => {
      gaveHeads = true
      onNews()
    })
    return undefined
  } catch (thrown) {
    if (gaveHeads || faultCode(thrown) === undefined) throw thrown
    return messageOf(thrown)
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
