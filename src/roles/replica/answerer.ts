/**
 * Answers one body of JSON-RPC from the store: stands between HTTP or the gateway's link and the snapshots. A body binds one snapshot and one
 * head; every call of it is read there. What is announced but not served yet is waited for within a budget; what only an execution
 * client can know is marked for forwarding; nothing that is unknown is called absent.
 */
import type { ChainConfig } from '#chain/rules.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Meter } from '#ports/meter.ts'
import type { Answer, AnswerItem, HeadContext } from '#rpc/answer.ts'
import { type Call, readBody } from '#rpc/envelope.ts'
import { CODE, errorText, methodNotFound, resultText, type RpcError, RpcFailure } from '#rpc/errors.ts'
import { isMethod } from '#rpc/method-table.ts'
import type { Heads } from '#state/identity.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { type AnswerContext, ForwardWanted, holds, NotHereYet } from './answer-context.ts'
import type { Board } from './board.ts'
import { decodeFeedState } from './feed-state.ts'
import type { Handlers } from './handler.ts'
import { createMethods } from './methods.ts'

/** How long a body waits for a block that is announced and not served yet. */
export const WAIT_MS_MAX = 500
/** Calls of one body that run before its remaining ones are refused for time. */
const BATCH_TIME_FACTOR = 2

export interface AnswererOptions {
  /** What web3_clientVersion says. */
  readonly clientVersion: string
  readonly serve: 'eager' | 'verified'
  readonly callGasMax: number
  readonly callTimeMaxMs: number
}

export interface AnswererParts {
  readonly store: Store
  readonly board: Board
  readonly config: ChainConfig
  readonly clock: Clock
  readonly log: Logger
  readonly meter: Meter
  /** Calls back once at the next change of board or store. */
  readonly onceMoved: (wake: () => void) => void
}

export interface RequestContext {
  /** From a gateway: answer in the view of exactly this head. */
  readonly head?: HeadContext
  /** X-Min-Block: at this number or above. */
  readonly minBlock?: number
  readonly signal: AbortSignal
}

export interface Answerer {
  answer(body: Uint8Array, request: RequestContext): Promise<Answer | { readonly kind: 'notHeld' }>
  /** The heads that a snapshot may serve, with the position that decided them. */
  served(snapshot: Snapshot): HeadContext
}

export function createAnswerer(options: AnswererOptions, parts: AnswererParts): Answerer {
  const methods = createMethods(options.clientVersion)
  const metrics = declareMetrics(parts.meter)
  const served = (snapshot: Snapshot): HeadContext => servedHeads(snapshot, options.serve)

  const answerAt = (
    calls: readonly (Call | string)[],
    batch: boolean,
    request: RequestContext,
  ): Answer | 'notHeld' | NotHereYet => {
    const snapshot = parts.store.snapshot()
    try {
      if (request.head !== undefined && !holds(snapshot, request.head.head)) return 'notHeld'
      const head = request.head ?? served(snapshot)
      if (request.minBlock !== undefined && head.head.number < request.minBlock)
        return new NotHereYet(request.minBlock)
      const context = contextOf(snapshot, head, options, parts)
      const items = runCalls(calls, context, methods, metrics, options, parts)
      const waiting = items.find((item): item is NotHereYet => item instanceof NotHereYet)
      if (waiting !== undefined && request.head === undefined) return waiting
      return {
        batch,
        items: items.map((item, i) => (item instanceof NotHereYet ? notYet(calls[i] as Call, item) : item)),
        block: head.head,
        verifiedNumber: Math.min(snapshot.heads.verified.number, head.head.number),
      }
    } finally {
      snapshot.release()
    }
  }

  return {
    served,
    async answer(bytes, request) {
      const body = readBody(bytes)
      if (body.kind === 'refused') return { batch: false, items: [{ kind: 'answered', json: body.json }] }
      const calls = body.items.map((item) => (item.kind === 'call' ? item.call : item.json))
      if (!parts.board.isReady())
        return { batch: body.batch, items: calls.map((call) => catchingUp(call, parts.board)) }
      const untilMs = parts.clock.nowMs() + WAIT_MS_MAX
      for (;;) {
        const answer = answerAt(calls, body.batch, request)
        if (answer === 'notHeld') return { kind: 'notHeld' }
        if (!(answer instanceof NotHereYet)) return answer
        const leftMs = untilMs - parts.clock.nowMs()
        if (leftMs <= 0 || request.signal.aborted) {
          return {
            batch: body.batch,
            items: calls.map((call) =>
              typeof call === 'string' ? { kind: 'answered', json: call } : notYet(call, answer),
            ),
          }
        }
        await moved(parts, leftMs)
      }
    },
  }
}

/** The heads to serve: with `verified`, never above the verified block. */
function servedHeads(snapshot: Snapshot, serve: AnswererOptions['serve']): HeadContext {
  const { head, safe, finalized, verified }: Heads = snapshot.heads
  const state = snapshot.machine()
  const position = state === undefined ? 0 : decodeFeedState(state).decidedAt
  const top = serve === 'verified' && verified.number < head.number ? verified : head
  const below = (mark: typeof safe): typeof safe => (mark.number > top.number ? top : mark)
  return { position, head: top, safe: below(safe), finalized: below(finalized) }
}

function contextOf(
  snapshot: Snapshot,
  head: HeadContext,
  options: AnswererOptions,
  { board, config, clock }: AnswererParts,
): AnswerContext {
  return {
    snapshot,
    head,
    announcedNumber: board.announcedNumber(),
    config,
    gasMax: BigInt(options.callGasMax),
    timeMaxMs: options.callTimeMaxMs,
    expired: deadline(clock, options.callTimeMaxMs),
  }
}

function runCalls(
  calls: readonly (Call | string)[],
  context: AnswerContext,
  methods: Handlers,
  metrics: AnswerMetrics,
  options: AnswererOptions,
  { clock, log }: AnswererParts,
): (AnswerItem | NotHereYet)[] {
  const untilMs = clock.nowMs() + BATCH_TIME_FACTOR * options.callTimeMaxMs
  return calls.map((call) => {
    if (typeof call === 'string') return { kind: 'answered', json: call }
    const startedMs = clock.nowMs()
    const item =
      startedMs > untilMs
        ? failure(call, { code: CODE.timeout, message: 'request timed out' })
        : runCall(call, { ...context, expired: deadline(clock, options.callTimeMaxMs) }, methods, log)
    const method = isMethod(call.method) ? call.method : 'other'
    metrics.requests.add(1, { method })
    metrics.seconds.observe((clock.nowMs() - startedMs) / 1_000, { method })
    return item
  })
}

function deadline(clock: Clock, budgetMs: number): () => boolean {
  const untilMs = clock.nowMs() + budgetMs
  return () => clock.nowMs() > untilMs
}

function runCall(
  call: Call,
  context: AnswerContext,
  methods: Handlers,
  log: Logger,
): AnswerItem | NotHereYet {
  const handler = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined
  if (handler === undefined) {
    // The rest of the table is a client's business: whoever asked may have a master to ask.
    if (isMethod(call.method))
      return forward(call, {
        error: {
          code: CODE.server,
          message: 'only an execution client can do this, and none can be asked here',
        },
      })
    return failure(call, methodNotFound(call.method))
  }
  try {
    const json = JSON.stringify(handler(call.params, context))
    return call.notification ? { kind: 'silent' } : { kind: 'answered', json: resultText(call.idText, json) }
  } catch (thrown) {
    if (thrown instanceof RpcFailure) return failure(call, thrown.error)
    if (thrown instanceof ForwardWanted) return forward(call, thrown.otherwise)
    if (thrown instanceof NotHereYet) return thrown
    log.error('a call failed', {
      method: call.method,
      error: messageOf(thrown),
      ...(thrown instanceof Fault ? { code: thrown.code } : {}),
    })
    return failure(call, { code: CODE.internal, message: 'internal error' })
  }
}

function failure(call: Call, error: RpcError): AnswerItem {
  return call.notification ? { kind: 'silent' } : { kind: 'answered', json: errorText(call.idText, error) }
}

function forward(call: Call, otherwise: ForwardWanted['otherwise']): AnswerItem {
  const text =
    'error' in otherwise
      ? errorText(call.idText, otherwise.error)
      : resultText(call.idText, JSON.stringify(otherwise.result))
  return { kind: 'forward', request: call.requestText, otherwise: text }
}

function notYet(call: Call, { number }: NotHereYet): AnswerItem {
  return {
    kind: 'retry',
    json: errorText(call.idText, {
      code: CODE.limit,
      message: `block ${number} is not served here yet, try again`,
    }),
  }
}

function catchingUp(call: Call | string, board: Board): AnswerItem {
  if (typeof call === 'string') return { kind: 'answered', json: call }
  const message = `not ready: catching up, position ${board.applied()} of ${board.feedEnd()} of the feed`
  return { kind: 'retry', json: errorText(call.idText, { code: CODE.limit, message }) }
}

function moved({ onceMoved, clock }: AnswererParts, withinMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = clock.after(withinMs, resolve)
  onceMoved(() => {
    timer.cancel()
    resolve()
  })
  return promise
}

interface AnswerMetrics {
  readonly requests: ReturnType<Meter['counter']>
  readonly seconds: ReturnType<Meter['histogram']>
}

function declareMetrics(meter: Meter): AnswerMetrics {
  return {
    requests: meter.counter('drover_replica_requests_total', 'JSON-RPC calls answered, by method'),
    seconds: meter.histogram(
      'drover_replica_request_seconds',
      'time to answer one call',
      [0.0001, 0.001, 0.01, 0.1, 1],
    ),
  }
}
