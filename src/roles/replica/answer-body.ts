/**
 * One body in one view: a snapshot is bound at a head, and every call is read there (P8). A long body gives others their turn between its
 * calls, and binds again at the same head before its snapshot grows old; where the store has left that head by then, it says so.
 */
import type { ChainConfig } from '#chain/rules.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Meter } from '#ports/meter.ts'
import type { Answer, AnswerItem, HeadContext } from '#rpc/answer.ts'
import type { BodyItem, Call } from '#rpc/envelope.ts'
import { CODE, type RpcError } from '#rpc/errors.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { failure, type Outcome, retryLater, runCall } from './answer-call.ts'
import { type AnswerContext, holds, NotHereYet } from './answer-context.ts'
import { type AnswerMetrics, declareAnswerMetrics } from './answer-metrics.ts'
import type { Board } from './board.ts'
import type { Handlers } from './handler.ts'
import { createMethods } from './methods.ts'
import { replicaLimits } from './limits.ts'

/** After this, others have their turn. */
const SLICE_MS_MAX = replicaLimits.turnTimeMaxMs.value
const SNAPSHOT_MS_MAX = replicaLimits.snapshotTimeMaxMs.value
/** A body's calls together, in the time of one call; the rest is refused. */
const BODY_TIME_FACTOR = replicaLimits.bodyTimeFactorMax.value
/** Of all answers of a batch, as in geth; the rest is refused. */
const RESPONSE_LENGTH_MAX = replicaLimits.responseCharactersMax.value

const TOO_LARGE: RpcError = { code: CODE.tooLarge, message: 'response too large' }
const TIMED_OUT: RpcError = { code: CODE.timeout, message: 'request timed out' }

export interface BodyOptions {
  /** What web3_clientVersion says. */
  readonly clientVersion: string
  readonly callGasMax: number
  readonly callTimeMaxMs: number
}

export interface BodyParts {
  readonly store: Store
  readonly board: Board
  readonly config: ChainConfig
  readonly clock: Clock
  readonly log: Logger
  readonly meter: Meter
  readonly served: (snapshot: Snapshot) => HeadContext
}

export interface BodyLimits {
  /** Answer in the view of exactly this head. */
  readonly head?: HeadContext
  /** At this number or above. */
  readonly minBlock?: number
  readonly signal: AbortSignal
  /** Stop at the first call whose block is not served yet. */
  readonly mayWait: boolean
}

export type InView =
  | { readonly kind: 'answered'; readonly answer: Omit<Answer, 'batch'> }
  /** This block is announced, or asked for as the least, and is not served yet. */
  | { readonly kind: 'tooLow'; readonly number: number }
  /** The head is not on this store's chain, or not any more. */
  | { readonly kind: 'notHeld' }

export type BodyRunner = (items: readonly BodyItem[], limits: BodyLimits) => Promise<InView>

export function createBodyRunner(options: BodyOptions, parts: BodyParts): BodyRunner {
  const methods = createMethods(options.clientVersion)
  const metrics = declareAnswerMetrics(parts.meter)
  return async (items, limits) => {
    const snapshot = parts.store.snapshot()
    const head = limits.head ?? parts.served(snapshot)
    const run = new Run(snapshot, head, { ...parts, options, methods, metrics, limits })
    try {
      const { minBlock = 0 } = limits
      if (limits.head !== undefined && !holds(snapshot, head.head)) return { kind: 'notHeld' }
      if (head.head.number < minBlock) return { kind: 'tooLow', number: minBlock }
      return await run.all(items)
    } finally {
      run.release()
    }
  }
}

interface RunParts extends BodyParts {
  readonly options: BodyOptions
  readonly methods: Handlers
  readonly metrics: AnswerMetrics
  readonly limits: BodyLimits
}

class Run {
  #snapshot: Snapshot
  readonly #head: HeadContext
  readonly #parts: RunParts
  readonly #items: AnswerItem[] = []
  #length = 0
  #sliceEndsMs: number
  #snapshotEndsMs: number
  readonly #endsMs: number

  constructor(snapshot: Snapshot, head: HeadContext, parts: RunParts) {
    this.#snapshot = snapshot
    this.#head = head
    this.#parts = parts
    const nowMs = parts.clock.nowMs()
    this.#sliceEndsMs = nowMs + SLICE_MS_MAX
    this.#snapshotEndsMs = nowMs + SNAPSHOT_MS_MAX
    this.#endsMs = nowMs + BODY_TIME_FACTOR * parts.options.callTimeMaxMs
  }

  async all(items: readonly BodyItem[]): Promise<InView> {
    const { clock, limits } = this.#parts
    for (const item of items) {
      if (clock.nowMs() >= this.#sliceEndsMs && !(await this.#afterTurn())) return { kind: 'notHeld' }
      if (item.kind === 'refused') {
        this.#add({ kind: 'answered', json: item.json })
        continue
      }
      const outcome = this.#timed(item.call)
      if (!(outcome instanceof NotHereYet)) this.#add(outcome.item)
      else if (limits.mayWait) return { kind: 'tooLow', number: outcome.number }
      else this.#add(retryLater(item.call, notServedYet(outcome.number)).item)
    }
    const { head } = this.#head
    const verifiedNumber = Math.min(this.#snapshot.heads.verified.number, head.number)
    return { kind: 'answered', answer: { items: this.#items, block: head, verifiedNumber } }
  }

  release(): void {
    this.#snapshot.release()
  }

  #timed(call: Call): Outcome {
    const { clock, metrics } = this.#parts
    const startMs = clock.nowMs()
    const refusal =
      this.#length > RESPONSE_LENGTH_MAX ? TOO_LARGE : startMs > this.#endsMs ? TIMED_OUT : undefined
    const outcome = refusal === undefined ? this.#run(call, startMs) : failure(call, refusal)
    if (!(outcome instanceof NotHereYet))
      metrics.count(call.method, (clock.nowMs() - startMs) / 1_000, outcome.errorCode)
    return outcome
  }

  #run(call: Call, startMs: number): Outcome {
    const { board, clock, config, log, methods, options } = this.#parts
    const untilMs = startMs + options.callTimeMaxMs
    const context: AnswerContext = {
      snapshot: this.#snapshot,
      head: this.#head,
      announcedNumber: board.announcedNumber(),
      config,
      gasMax: BigInt(options.callGasMax),
      timeMaxMs: options.callTimeMaxMs,
      expired: () => clock.nowMs() > untilMs,
    }
    return runCall(call, context, methods, log)
  }

  #add(item: AnswerItem): void {
    if ('json' in item) this.#length += item.json.length
    this.#items.push(item)
  }

  /** Lets others run; false where the head is not held any more afterwards. */
  async #afterTurn(): Promise<boolean> {
    const { clock, limits, store } = this.#parts
    await clock.sleep(0)
    limits.signal.throwIfAborted()
    const nowMs = clock.nowMs()
    this.#sliceEndsMs = nowMs + SLICE_MS_MAX
    if (nowMs < this.#snapshotEndsMs) return true
    this.#snapshot.release()
    this.#snapshot = store.snapshot()
    this.#snapshotEndsMs = nowMs + SNAPSHOT_MS_MAX
    return holds(this.#snapshot, this.#head.head)
  }
}

export function notServedYet(number: number): string {
  return `block ${number} is not served here yet, try again`
}
