/**
 * One body in one view: a snapshot is bound at a head, and every call is read there (P8). A long body gives others their turn between its
 * calls, and binds again at the same head before its snapshot grows old; where the store has left that head by then, it says so.
 */
import { assert } from '#kernel/assert.ts'
import type { ChainConfig } from '#chain/fork/rules.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Meter } from '#ports/meter/meter.ts'
import type { Answer, AnswerItem, HeadContext } from '#rpc/answer.ts'
import type { Body, BodyItem, Call } from '#rpc/envelope.ts'
import { CODE, type RpcError } from '#rpc/errors.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { failure, type Outcome, retryLater, runCall } from './answer-call.ts'
import { type AnswerContext, holds, NotHereYet, TooHeavy } from './answer-context.ts'
import type { Aside } from '#roles/replica/compute/aside.ts'
import { type AnswerMetrics, declareAnswerMetrics } from './answer-metrics.ts'
import type { Board } from '#roles/replica/board.ts'
import type { Handler } from './handler.ts'
import { createMethods } from '#roles/replica/methods/methods.ts'
import { createLane, type Lane } from './lane.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { createResultCache, type ResultCache } from './result-cache.ts'
import { createSharedSnapshots, type SharedSnapshots } from '#roles/replica/view/shared-snapshot.ts'

/** After this, others have their turn. */
const SLICE_MS_MAX = replicaLimits.turnTimeMaxMs.value
const CROWDED_CALLS_MAX = replicaLimits.crowdedBatchCallsMax.value
const FIRST_TURN_LENGTH_MAX = replicaLimits.firstTurnCharactersMax.value
const SNAPSHOT_MS_MAX = replicaLimits.snapshotTimeMaxMs.value
/** A body's calls together, in the time of one call; the rest is refused. */
const BODY_TIME_FACTOR = replicaLimits.bodyTimeFactorMax.value
/** Of all answers of a batch, as in geth; the rest is refused. */
const RESPONSE_LENGTH_MAX = replicaLimits.responseCharactersMax.value

const TOO_LARGE: RpcError = { code: CODE.tooLarge, message: 'response too large' }
const FUEL_MS = replicaLimits.answerTimeMaxMs.value
const TOO_MANY = 'too many heavy calls wait, try again'
const FAILED: RpcError = { code: CODE.internal, message: 'internal error' }
const TIMED_OUT: RpcError = { code: CODE.timeout, message: 'request timed out' }

export interface BodyOptions {
  /** What web3_clientVersion says. */
  readonly clientVersion: string
  readonly callGasMax: number
  readonly callTimeMaxMs: number
  /** Of encoded blocks and receipts that are kept. */
  readonly cacheBytes: number
}

export interface BodyParts {
  readonly store: Store
  readonly board: Board
  readonly config: ChainConfig
  readonly clock: Clock
  readonly log: Logger
  readonly meter: Meter
  readonly served: (snapshot: Snapshot) => HeadContext
  /** Where calls go that need more than their time here; without it they run to their end. */
  readonly aside?: Aside | undefined
  /** Memory is short: what takes more than a turn does not go on. */
  readonly isShort?: () => boolean
}

/** Whose body it is. What costs something to make (a signal) is asked for only where a body does not end in one turn. */
export interface RequestContext {
  /** From a gateway: answer in the view of exactly this head. */
  readonly head?: HeadContext
  /** X-Min-Block: at this number or above. */
  readonly minBlock?: number
  readonly signal: AbortSignal
  /**
   * Takes over the place of a long body that was answered, and leaves it when the answer is gone: what is made faster than it is taken
   * would pile up. Without it the place is left with the answer.
   */
  readonly keepPlace?: (leave: () => void) => void
}

export type InView =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** This block is announced, or asked for as the least, and is not served yet. */
  | { readonly kind: 'tooLow'; readonly number: number }
  /** The head is not on this store's chain, or not any more. */
  | { readonly kind: 'notHeld' }
  /** The store is in the middle of a switch that is larger than one transaction. */
  | { readonly kind: 'switching' }
  /** It takes more than one turn, and too many others do, or memory is short. */
  | { readonly kind: 'busy' }

export interface BodyRunner {
  /** At once where all of it fits in one turn. @param mayWait stop at the first call whose block is not served yet */
  run(body: Calls, request: RequestContext, mayWait: boolean): InView | Promise<InView>
  /** Lets go of the store while nothing runs. */
  rest(): void
}

type Calls = Extract<Body, { kind: 'calls' }>

export function createBodyRunner(options: BodyOptions, parts: BodyParts): BodyRunner {
  const snapshots = createSharedSnapshots(parts.store, parts)
  const shared: RunParts = {
    ...parts,
    snapshots,
    methods: new Map(Object.entries(createMethods(options.clientVersion))),
    metrics: declareAnswerMetrics(parts.meter),
    cache: createResultCache(options.cacheBytes, parts.meter),
    gasMax: BigInt(options.callGasMax),
    timeMaxMs: options.callTimeMaxMs,
    lane: createLane({
      runningMax: replicaLimits.longBodiesMax.value,
      waitingMax: replicaLimits.longBodiesWaitingMax.value,
    }),
  }
  return {
    rest: snapshots.rest,
    run(body, request, mayWait) {
      if (body.items.length > CROWDED_CALLS_MAX && shared.lane.isFull()) return BUSY
      const snapshot = snapshots.bind()
      let ran: InView | Promise<InView> | undefined
      let run: Run | undefined
      try {
        const head = request.head ?? parts.served(snapshot)
        run = new Run(snapshot, head, shared, request, mayWait)
        ran = run.begin(body)
      } finally {
        if (!(ran instanceof Promise)) (run ?? snapshot).release()
      }
      return ran instanceof Promise ? releasing(ran, run as Run) : ran
    },
  }
}

async function releasing(ran: Promise<InView>, run: Run): Promise<InView> {
  try {
    const view = await ran
    if (view.kind === 'answered') run.handOver()
    return view
  } finally {
    run.release()
  }
}

interface RunParts extends BodyParts {
  readonly snapshots: SharedSnapshots
  readonly methods: ReadonlyMap<string, Handler>
  readonly metrics: AnswerMetrics
  readonly cache: ResultCache
  readonly gasMax: bigint
  readonly timeMaxMs: number
  readonly lane: Lane
}

/** The run of one body, and what its calls see of it. */
class Run implements AnswerContext {
  snapshot: Snapshot
  readonly head: HeadContext
  readonly config: ChainConfig
  readonly cache: ResultCache
  readonly gasMax: bigint
  readonly timeMaxMs: number
  readonly spent: (() => boolean) | undefined
  readonly #parts: RunParts
  readonly #request: RequestContext
  readonly #mayWait: boolean
  readonly #items: AnswerItem[] = []
  /** Calls that are to run aside, and the places of their answers. */
  /** What gives back the bytes that were lent for the items. */
  #lent: (() => void)[] = []
  readonly #heavy: { readonly at: number; readonly call: Call }[] = []
  #length = 0
  #turnEndsLength = FIRST_TURN_LENGTH_MAX
  #isBound = true
  #isInLane = false
  #nowMs: number
  #callEndsMs = 0
  #callSpentMs = 0
  #sliceEndsMs: number
  #snapshotEndsMs: number
  readonly #endsMs: number

  constructor(
    snapshot: Snapshot,
    head: HeadContext,
    parts: RunParts,
    request: RequestContext,
    mayWait: boolean,
  ) {
    this.snapshot = snapshot
    this.head = head
    this.config = parts.config
    this.cache = parts.cache
    this.gasMax = parts.gasMax
    this.timeMaxMs = parts.timeMaxMs
    this.spent = parts.aside && (() => parts.clock.nowMs() > this.#callSpentMs)
    this.#parts = parts
    this.#request = request
    this.#mayWait = mayWait
    this.#nowMs = parts.clock.nowMs()
    this.#sliceEndsMs = this.#nowMs + SLICE_MS_MAX
    this.#snapshotEndsMs = this.#nowMs + SNAPSHOT_MS_MAX
    this.#endsMs = this.#nowMs + BODY_TIME_FACTOR * parts.timeMaxMs
  }

  get announcedNumber(): number {
    return this.#parts.board.announcedNumber()
  }

  readonly expired = (): boolean => this.#parts.clock.nowMs() > this.#callEndsMs

  begin(body: Calls): InView | Promise<InView> {
    const { head, minBlock = 0 } = this.#request
    if (head !== undefined && !holds(this.snapshot, head.head)) return NOT_HELD
    if (this.snapshot.catchingUpTo !== undefined) return SWITCHING
    if (this.head.head.number < minBlock) return { kind: 'tooLow', number: minBlock }
    // A burst of them, each with a first turn, would keep this thread from saying that it lives.
    const waits = body.items.length > CROWDED_CALLS_MAX && this.#parts.lane.isBusy()
    return waits ? this.#afterTurn(0, body) : this.#from(0, body)
  }

  release(): void {
    if (this.#isBound) this.snapshot.release()
    if (this.#isInLane) this.#parts.lane.leave()
    this.#isBound = false
    this.#isInLane = false
  }

  handOver(): void {
    const { keepPlace } = this.#request
    if (!this.#isInLane || keepPlace === undefined) return
    this.#isInLane = false
    keepPlace.call(this.#request, () => this.#parts.lane.leave())
  }

  #from(first: number, body: Calls): InView | Promise<InView> {
    const { items } = body
    for (let i = first; i < items.length; i++) {
      if (this.#nowMs >= this.#sliceEndsMs || this.#length >= this.#turnEndsLength)
        return this.#afterTurn(i, body)
      const item = items[i] as BodyItem
      if (item.kind === 'refused') {
        this.#add({ kind: 'answered', json: item.json })
        continue
      }
      const outcome = this.#timed(item.call)
      if (outcome instanceof TooHeavy) this.#setAside(item.call)
      else if (!(outcome instanceof NotHereYet)) {
        this.#add(outcome.item)
        if (outcome.free !== undefined) this.#lent.push(outcome.free)
      } else if (this.#mayWait) return { kind: 'tooLow', number: outcome.number }
      else this.#add(retryLater(item.call, notServedYet(outcome.number)).item)
    }
    const block = this.head.head
    const verifiedNumber = Math.min(this.snapshot.heads.verified.number, block.number)
    const answer = { batch: body.batch, items: this.#items, block, verifiedNumber, ...this.#freeing() }
    return this.#heavy.length === 0 ? { kind: 'answered', answer } : this.#runAside(answer)
  }

  #freeing(): Pick<Answer, 'free'> {
    const lent = this.#lent
    if (lent.length === 0) return {}
    this.#lent = []
    return { free: lent.length === 1 ? (lent[0] as () => void) : () => lent.forEach((free) => free()) }
  }

  #setAside(call: Call): void {
    this.#heavy.push({ at: this.#items.length, call })
    this.#items.push(failure(call, TIMED_OUT).item)
  }

  /** One after the other, so that a batch of heavy calls takes no more than one place from others. */
  async #runAside(answer: Answer): Promise<InView> {
    const { aside, clock, metrics } = this.#parts
    assert(aside !== undefined, 'a call is set aside where somebody runs it')
    this.release() // nothing more is read here
    for (const { at, call } of this.#heavy) {
      if (clock.nowMs() > this.#endsMs) break // those that are left have timed out
      const outcome = await aside(call, this.head, this.#request.signal)
      this.#request.signal.throwIfAborted()
      if (outcome.kind === 'notHeld') return NOT_HELD
      if (outcome.kind === 'answered') {
        this.#items[at] = outcome.item
        continue
      }
      const answered = outcome.kind === 'full' ? retryLater(call, TOO_MANY) : failure(call, FAILED)
      metrics.count(call.method, 0, answered.errorCode)
      this.#items[at] = answered.item
    }
    return { kind: 'answered', answer }
  }

  #timed(call: Call): Outcome {
    const { clock, metrics, methods, log } = this.#parts
    const startMs = this.#nowMs
    this.#callEndsMs = startMs + this.timeMaxMs
    this.#callSpentMs = startMs + FUEL_MS
    const refusal =
      this.#length > RESPONSE_LENGTH_MAX ? TOO_LARGE : startMs > this.#endsMs ? TIMED_OUT : undefined
    const outcome = refusal === undefined ? runCall(call, this, methods, log) : failure(call, refusal)
    this.#nowMs = clock.nowMs()
    if (!(outcome instanceof NotHereYet || outcome instanceof TooHeavy))
      metrics.count(call.method, (this.#nowMs - startMs) / 1_000, outcome.errorCode)
    return outcome
  }

  #add(item: AnswerItem): void {
    if ('json' in item) this.#length += item.json.length
    else if (item.kind === 'encoded') for (const { length } of item.parts) this.#length += length
    this.#items.push(item)
  }

  /** Lets others run, and goes on where the head is still held. */
  async #afterTurn(next: number, body: Calls): Promise<InView> {
    const { clock } = this.#parts
    if (!(await this.#mayGoOn())) return BUSY
    await clock.sleep(0)
    this.#request.signal.throwIfAborted()
    this.#nowMs = clock.nowMs()
    this.#sliceEndsMs = this.#nowMs + SLICE_MS_MAX
    this.#turnEndsLength = Number.POSITIVE_INFINITY // few hold more than a first turn's
    if (!this.#isBound || this.#nowMs >= this.#snapshotEndsMs) {
      this.#rebind()
      if (!holds(this.snapshot, this.head.head)) return NOT_HELD
    }
    return this.#from(next, body)
  }

  /** After its first turn a body waits for a place in the lane, without a snapshot. */
  async #mayGoOn(): Promise<boolean> {
    const { lane, isShort } = this.#parts
    if (isShort?.() === true) return false
    if (this.#isInLane) return true
    this.#isBound = false
    this.snapshot.release()
    this.#isInLane = await lane.enter(this.#request.signal)
    this.#request.signal.throwIfAborted()
    return this.#isInLane
  }

  #rebind(): void {
    const old = this.#isBound ? this.snapshot : undefined
    this.snapshot = this.#parts.snapshots.bind()
    old?.release()
    this.#isBound = true
    this.#snapshotEndsMs = this.#nowMs + SNAPSHOT_MS_MAX
  }
}

const NOT_HELD: InView = { kind: 'notHeld' }
const BUSY: InView = { kind: 'busy' }
const SWITCHING: InView = { kind: 'switching' }

export function notServedYet(number: number): string {
  return `block ${number} is not served here yet, try again`
}
