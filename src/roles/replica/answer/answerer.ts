/**
 * Answers bodies of JSON-RPC from the store: stands between HTTP or the gateway's link and the snapshots. What is announced but not served
 * yet is waited for within a budget; what only an execution client can know is marked for forwarding; nothing that is unknown is called
 * absent. A gateway's body is answered at exactly the head that it names, or not at all.
 */
import type { Answer, HeadContext } from '#rpc/answer.ts'
import { type Body, readBody } from '#rpc/envelope.ts'
import type { Snapshot } from '#state/snapshot.ts'
import {
  type BodyOptions,
  type BodyParts,
  type BodyRunner,
  createBodyRunner,
  type InView,
  notServedYet,
  type RequestContext,
} from './answer-body.ts'
import { retryLater } from './answer-call.ts'
import { createServedHeads } from './answer-heads.ts'
import type { Board } from '#roles/replica/board.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

/** How long a body waits for a block that is announced and not served yet. */
export const WAIT_MS_MAX = replicaLimits.waitTimeMaxMs.value
/** How often a body begins anew because a reorg took its head away while it ran. */
const BEGINNINGS_MAX = replicaLimits.bindingsMax.value

type Calls = Extract<Body, { kind: 'calls' }>

export interface AnswererOptions extends BodyOptions {
  readonly serve: 'eager' | 'verified'
}

export interface AnswererParts extends Omit<BodyParts, 'served'> {
  /** Calls back once at the next change of board or store. */
  readonly onceMoved: (wake: () => void) => void
}

export interface Answerer {
  /** At once where nothing has to be waited for. @throws the signal's reason, where a long body is aborted */
  answer(body: Uint8Array, request: RequestContext): Answered | Promise<Answered>
  /** The heads that a snapshot may serve, with the position that decided them. */
  served(snapshot: Snapshot): HeadContext
  /** Lets go of the store while nothing runs; before it is closed. */
  rest(): void
}

/** `notHeld` and `overloaded` are for gateways, which name a head and ask another replica. */
export type Answered = Answer | { readonly kind: 'notHeld' | 'overloaded' }

const OVERLOADED: Answered = { kind: 'overloaded' }

export function createAnswerer(options: AnswererOptions, parts: AnswererParts): Answerer {
  const served = createServedHeads(options.serve)
  const runner = createBodyRunner(options, { ...parts, served })
  const { board } = parts
  return {
    served,
    rest: runner.rest,
    answer(bytes, request) {
      const body = readBody(bytes)
      if (body.kind === 'refused') return { batch: false, items: [{ kind: 'answered', json: body.json }] }
      if (!board.isReady()) return allLater(body, catchingUp(board))
      const first = runner.run(body, request, request.head === undefined)
      if (!(first instanceof Promise) && first.kind === 'answered') return first.answer
      return answerLater(body, request, { first, runner, parts })
    },
  }
}

/** What did not end at once: it takes more than one turn, or waits for a block that is announced. */
async function answerLater(
  body: Calls,
  request: RequestContext,
  {
    first,
    runner,
    parts,
  }: {
    readonly first: InView | Promise<InView>
    readonly runner: BodyRunner
    readonly parts: AnswererParts
  },
): Promise<Answered> {
  const { clock } = parts
  const untilMs = clock.nowMs() + WAIT_MS_MAX
  // Only a later head helps, and a gateway has named its own.
  let mayWait = request.head === undefined
  let outcome = await first
  let moved: Promise<void> | undefined
  for (let beginnings = 1; ; ) {
    if (outcome.kind === 'answered') return outcome.answer
    if (outcome.kind === 'busy')
      // A gateway has others to ask; items to try again would make it ask here once more at the next head.
      return request.head === undefined ? allLater(body, 'too many long requests, try again') : OVERLOADED
    const leftMs = untilMs - clock.nowMs()
    if (outcome.kind === 'notHeld') {
      if (request.head !== undefined) return outcome
      if (beginnings++ === BEGINNINGS_MAX) return allLater(body, 'the chain is being reorganised, try again')
    } else if (!mayWait) return allLater(body, whyNotYet(outcome))
    else if (moved === undefined)
      moved = nextMove(parts, leftMs) // and look again: it may have moved before we asked
    else {
      await moved
      moved = undefined
    }
    mayWait = request.head === undefined && untilMs > clock.nowMs() && !request.signal.aborted
    outcome = await runner.run(body, request, mayWait)
  }
}

function allLater({ batch, items }: Calls, message: string): Answer {
  return {
    batch,
    items: items.map((item) =>
      item.kind === 'call' ? retryLater(item.call, message).item : { kind: 'answered', json: item.json },
    ),
  }
}

function whyNotYet(outcome: Extract<InView, { kind: 'tooLow' | 'switching' }>): string {
  return outcome.kind === 'tooLow'
    ? notServedYet(outcome.number)
    : 'not ready: a large reorganisation is being applied, try again'
}

function catchingUp(board: Board): string {
  return `not ready: catching up, position ${board.applied()} of ${board.feedEnd()} of the feed`
}

function nextMove({ onceMoved, clock }: AnswererParts, withinMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = clock.after(withinMs, resolve)
  onceMoved(() => {
    timer.cancel()
    resolve()
  })
  return promise
}
