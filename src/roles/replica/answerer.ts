/**
 * Answers bodies of JSON-RPC from the store: stands between HTTP or the gateway's link and the snapshots. What is announced but not served
 * yet is waited for within a budget; what only an execution client can know is marked for forwarding; nothing that is unknown is called
 * absent. A gateway's body is answered at exactly the head that it names, or not at all.
 */
import type { Answer, HeadContext } from '#rpc/answer.ts'
import { type Body, readBody } from '#rpc/envelope.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { type BodyOptions, type BodyParts, createBodyRunner, notServedYet } from './answer-body.ts'
import { retryLater } from './answer-call.ts'
import { createServedHeads } from './answer-heads.ts'
import type { Board } from './board.ts'
import { replicaLimits } from './limits.ts'

/** How long a body waits for a block that is announced and not served yet. */
export const WAIT_MS_MAX = replicaLimits.waitTimeMaxMs.value
/** How often a body begins anew because a reorg took its head away while it ran. */
const BEGINNINGS_MAX = replicaLimits.bindingsMax.value

export interface AnswererOptions extends BodyOptions {
  readonly serve: 'eager' | 'verified'
}

export interface AnswererParts extends Omit<BodyParts, 'served'> {
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
  /** @throws the signal's reason, where a long body is aborted */
  answer(body: Uint8Array, request: RequestContext): Promise<Answer | { readonly kind: 'notHeld' }>
  /** The heads that a snapshot may serve, with the position that decided them. */
  served(snapshot: Snapshot): HeadContext
}

export function createAnswerer(options: AnswererOptions, parts: AnswererParts): Answerer {
  const served = createServedHeads(options.serve)
  const inView = createBodyRunner(options, { ...parts, served })
  const { board, clock } = parts
  return {
    served,
    async answer(bytes, request) {
      const body = readBody(bytes)
      if (body.kind === 'refused') return { batch: false, items: [{ kind: 'answered', json: body.json }] }
      if (!board.isReady()) return allLater(body, catchingUp(board))
      const untilMs = clock.nowMs() + WAIT_MS_MAX
      let moved: Promise<void> | undefined
      for (let beginnings = 1; ; ) {
        const leftMs = untilMs - clock.nowMs()
        // Only a later head helps, and a gateway has named its own.
        const mayWait = leftMs > 0 && request.head === undefined && !request.signal.aborted
        const outcome = await inView(body.items, { ...request, mayWait })
        if (outcome.kind === 'answered') return { batch: body.batch, ...outcome.answer }
        if (outcome.kind === 'notHeld') {
          if (request.head !== undefined) return outcome
          if (beginnings++ === BEGINNINGS_MAX)
            return allLater(body, 'the chain is being reorganised, try again')
        } else if (!mayWait) return allLater(body, notServedYet(outcome.number))
        else if (moved === undefined)
          moved = nextMove(parts, leftMs) // and look again: it may have moved before we asked
        else {
          await moved
          moved = undefined
        }
      }
    },
  }
}

function allLater({ batch, items }: Extract<Body, { kind: 'calls' }>, message: string): Answer {
  return {
    batch,
    items: items.map((item) =>
      item.kind === 'call' ? retryLater(item.call, message).item : { kind: 'answered', json: item.json },
    ),
  }
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
