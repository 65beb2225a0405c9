/**
 * Answers one body of JSON-RPC: what the replicas know travels as one sub-body bound to one served head, what only masters know goes to
 * them one by one, a few things the gateway says itself, and all of it is put together again in the order of the calls. A batch is
 * read at one block (P8), its ids come back as they were written, and nothing that is unknown is called absent (P4).
 */
import { utf8 } from '#kernel/bytes.ts'
import type { Clock } from '#ports/clock.ts'
import type { AnswerItem, HeadContext, ResponseText } from '#rpc/answer.ts'
import {
  type Call,
  type Calls,
  failure,
  isSettled,
  readCalls,
  type Settled,
  success,
} from '#roles/gateway/forward/calls.ts'
import { type RpcError, RpcFailure } from '#rpc/errors.ts'
import { readParams } from '#rpc/decode/params.ts'
import type { Forward, Forwarded } from '#roles/gateway/forward/forward.ts'
import type { Glance } from '#roles/gateway/forward/glance.ts'
import type { Links } from './links.ts'
import type { GatewayMetrics } from '#roles/gateway/metrics.ts'
import { atServedHead, isUnknowable } from '#roles/gateway/forward/not-in-a-block.ts'
import type { Rebroadcast } from '#roles/gateway/forward/rebroadcast.ts'
import type { Asker } from './replica-link.ts'
import type { Routed, Router } from './router.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'

/** Calls of one batch that masters are asked at once. */
const FORWARDS_AT_ONCE = gatewayLimits.forwardsMax.value
const RETRY_LATER = -32005
const TIMED_OUT = { code: -32002, message: 'request timed out' }
const NO_MASTER = { code: RETRY_LATER, message: 'no master can be asked for this now, try again' }
const NO_REPLICA = { code: RETRY_LATER, message: 'no replica can answer at the current head now, try again' }
const OVERLOADED = { code: RETRY_LATER, message: 'too many requests, try again' }

export interface Limits {
  readonly minBlock: number
  readonly untilMs: number
  readonly asker: Asker
}

/** The response objects in the order of the calls, without the notifications. */
export interface Solution {
  readonly batch: boolean
  readonly jsons: readonly ResponseText[]
  /** Every call failed in a way that is worth trying again. */
  readonly retryLater: boolean
  readonly forwarded: boolean
  readonly head?: HeadContext
  readonly verifiedNumber?: number
  /** Gives back the memory that the responses lie in, once nobody reads them any more. */
  readonly free?: () => void
}

export interface Solver {
  /** A text is the response to a body that turned out to hold no calls. */
  solve(asked: Glance | Calls, limits: Limits): Promise<Solution | string>
}

interface Parts {
  readonly router: Router
  readonly forward: Forward
  readonly rebroadcast: Rebroadcast
  readonly links: Links
  readonly clock: Clock
  readonly metrics: GatewayMetrics
}

export function createSolver(parts: Parts): Solver {
  return {
    async solve(asked, limits) {
      if (asked.kind === 'calls') return solveCalls(parts, asked, { limits })
      const routed = await parts.router.ask(asked.body, limits)
      // An answer without a block is about a body that held no calls.
      const isRead = routed.kind === 'answer' && routed.answer.block !== undefined
      const passed = isRead ? passOn(asked, routed) : undefined
      if (passed !== undefined) return passed
      const calls = readCalls(asked.body)
      return typeof calls === 'string' ? calls : solveCalls(parts, calls, { limits, early: routed })
    },
  }
}

/** @param early what has come of the whole body already */
async function solveCalls(
  parts: Parts,
  calls: Calls,
  { limits, early }: { readonly limits: Limits; readonly early?: Routed },
): Promise<Solution> {
  const toReplicas = calls.items.filter((item): item is Call => !isSettled(item) && item.where === 'replica')
  if (toReplicas.length === 0 || toReplicas.length < calls.items.length) {
    const bound = toReplicas.length === 0 ? undefined : parts.router.ask(subBody(calls, toReplicas), limits)
    return solveInParts(parts, calls, { limits, bound, toReplicas })
  }
  const routed = early ?? (await parts.router.ask(calls.body, limits))
  return (
    passOn(calls, routed) ??
    solveInParts(parts, calls, { limits, bound: Promise.resolve(routed), toReplicas })
  )
}

/** What a replica has answered, item by item, where all of it can be said as it is. */
function passOn(
  { batch, count }: Pick<Glance | Calls, 'batch' | 'count'>,
  routed: Routed,
): Solution | undefined {
  if (routed.kind !== 'answer' || routed.answer.items.length !== count) return undefined
  const jsons: ResponseText[] = []
  let retryLater = true
  for (const item of routed.answer.items) {
    if (item.kind === 'forward') return undefined
    if (item.kind === 'silent') continue
    retryLater &&= item.kind === 'retry'
    jsons.push(item.kind === 'encoded' ? item.parts : item.json)
  }
  const { verifiedNumber, free } = routed.answer
  return {
    batch,
    jsons,
    retryLater: retryLater && jsons.length > 0,
    forwarded: false,
    head: routed.head,
    ...(verifiedNumber !== undefined && { verifiedNumber }),
    ...(free !== undefined && { free }),
  }
}

/** Each call where it is answered, and together again. */
async function solveInParts(
  parts: Parts,
  calls: Calls,
  {
    limits,
    bound,
    toReplicas,
  }: {
    readonly limits: Limits
    readonly bound: Promise<Routed> | undefined
    readonly toReplicas: readonly Call[]
  },
): Promise<Solution> {
  const run = new Run(parts, limits, bound, toReplicas)
  const settled = await inTurns(calls.items, (item) => (isSettled(item) ? item : run.settle(item)))
  const said = settled.filter((one) => one.json !== undefined)
  return {
    batch: calls.batch,
    jsons: said.map((one) => one.json as ResponseText),
    retryLater: said.length > 0 && said.every((one) => one.retryLater === true),
    forwarded: run.forwarded,
    ...(await run.boundTo()),
  }
}

/** What replicas are sent: the body as it came when all of it is for them. */
function subBody(calls: Calls, toReplicas: readonly Call[]): Uint8Array {
  if (toReplicas.length === calls.items.length) return calls.body
  const texts = toReplicas.map((call) => call.requestText)
  return utf8(calls.batch ? `[${texts.join(',')}]` : (texts[0] as string))
}

/** One body on its way. */
class Run {
  forwarded = false
  readonly #parts: Parts
  readonly #limits: Limits
  readonly #bound: Promise<Routed> | undefined
  readonly #places: ReadonlyMap<Call, number>
  #head: Promise<HeadContext | undefined> | undefined

  constructor(parts: Parts, limits: Limits, bound: Promise<Routed> | undefined, toReplicas: readonly Call[]) {
    this.#parts = parts
    this.#limits = limits
    this.#bound = bound
    this.#places = new Map(toReplicas.map((call, place) => [call, place]))
  }

  settle(call: Call): Promise<Settled> | Settled {
    if (call.where === 'replica') return this.#fromReplica(call)
    if (call.where === 'gateway') return this.#ownAnswer(call)
    return call.method === 'eth_sendRawTransaction' ? this.#send(call) : this.#fromMaster(call)
  }

  /** The head of the whole body, for the response's headers. */
  async boundTo(): Promise<{ head?: HeadContext; verifiedNumber?: number }> {
    const routed = await this.#bound
    if (routed?.kind === 'answer') {
      const { verifiedNumber } = routed.answer
      return { head: routed.head, ...(verifiedNumber !== undefined && { verifiedNumber }) }
    }
    const head = await this.#head
    return head === undefined ? {} : { head }
  }

  async #fromReplica(call: Call): Promise<Settled> {
    const routed = (await this.#bound) as Routed
    if (routed.kind === 'late') return failure(call, TIMED_OUT)
    if (routed.kind === 'overloaded') return failure(call, OVERLOADED)
    if (routed.kind === 'unavailable') return failure(call, NO_REPLICA)
    const item = routed.answer.items[this.#places.get(call) as number]
    switch (item?.kind) {
      case undefined: // fewer items than calls: a broken replica says nothing about this one
        return failure(call, NO_REPLICA)
      case 'silent':
        return {}
      case 'answered':
        return { json: item.json }
      case 'encoded':
        return { json: item.parts }
      case 'retry':
        return { json: item.json, retryLater: true }
      case 'forward':
        return this.#instead(call, item, routed.head)
    }
  }

  /** The replica cannot know; a master may. */
  async #instead(call: Call, item: AnswerItem & { kind: 'forward' }, head: HeadContext): Promise<Settled> {
    const answer = await this.#ask(call)
    const fitting = answer && atServedHead(call.method, answer, head)
    if (fitting !== undefined) return success(call, fitting)
    if (answer === undefined && isUnknowable(call.method)) return failure(call, NO_MASTER)
    return { json: item.otherwise }
  }

  async #fromMaster(call: Call): Promise<Settled> {
    const answer = await this.#ask(call)
    return answer === undefined ? failure(call, NO_MASTER) : success(call, answer)
  }

  async #ask(call: Call): Promise<Forwarded | undefined> {
    const { untilMs, asker } = this.#limits
    const answer = await this.#parts.forward.ask(call.method, call.params, untilMs, asker.signal)
    if (answer !== undefined) this.forwarded = true
    return answer
  }

  async #send(call: Call): Promise<Settled> {
    const answer = await this.#parts.forward.send(call.params, this.#limits.untilMs)
    const outcome = answer === undefined ? 'unavailable' : answer.kind === 'result' ? 'accepted' : 'refused'
    this.#parts.metrics.transactionsSent.add(1, { outcome })
    if (answer === undefined) return failure(call, NO_MASTER)
    this.forwarded = true
    const raw: unknown = Array.isArray(call.params) ? call.params[0] : undefined
    if (answer.kind === 'result' && typeof raw === 'string')
      this.#parts.rebroadcast.keep(JSON.parse(answer.json) as string, raw)
    return success(call, answer)
  }

  /** The same as replicas say, without the way to one: bound to the head of the rest of the body. */
  async #ownAnswer(call: Call): Promise<Settled> {
    const refused = refusalOfAny(call.params)
    if (refused !== undefined) return failure(call, refused)
    const identity = this.#parts.links.identity()
    if (identity === undefined) return failure(call, NO_REPLICA)
    if (call.method === 'eth_chainId') return result(call, `0x${identity.chainId.toString(16)}`)
    if (call.method === 'net_version') return result(call, String(identity.chainId))
    const routed = await this.#bound
    this.#head ??= this.#parts.router.head(this.#limits.minBlock, this.#limits.asker)
    const head = routed?.kind === 'answer' ? routed.head : await this.#head
    return head === undefined ? failure(call, NO_REPLICA) : result(call, `0x${head.head.number.toString(16)}`)
  }
}

/** These methods take no parameters. */
function refusalOfAny(params: unknown): RpcError | undefined {
  try {
    readParams(params)
    return undefined
  } catch (thrown) {
    if (thrown instanceof RpcFailure) return thrown.error
    throw thrown
  }
}

function result(call: Call, value: string): Settled {
  return success(call, { kind: 'result', json: JSON.stringify(value) })
}

/** In order, at most FORWARDS_AT_ONCE at a time. */
async function inTurns<T, U>(items: readonly T[], work: (item: T) => Promise<U> | U): Promise<U[]> {
  const out: U[] = []
  for (let at = 0; at < items.length; at += FORWARDS_AT_ONCE)
    out.push(...(await Promise.all(items.slice(at, at + FORWARDS_AT_ONCE).map(work))))
  return out
}
