/**
 * Finds the replica that answers a body of calls. The body is bound to one served head; whoever holds it and has the least to do is
 * asked, and a failed attempt is made again at another holder with the same head: reads may be repeated. When nobody can answer at that
 * head any more (a reorg took it away) what has come is thrown away and the whole body is bound again. Waiting for a head or a holder
 * has a budget of its own, shorter than the request's.
 */
import type { Clock } from '#ports/clock.ts'
import type { Answer, HeadContext } from '#rpc/answer.ts'
import type { Head } from '#roles/gateway/head.ts'
import type { Links } from './links.ts'
import type { GatewayMetrics } from '#roles/gateway/metrics.ts'
import type { Asker, Outcome, ReplicaLink } from './replica-link.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'

/** How long a request waits for what is not served yet (architecture §9). */
export const WAIT_MS = gatewayLimits.waitTimeMaxMs.value
/** Attempts of one request, over all heads that it was bound to. */
const ATTEMPTS_MAX = gatewayLimits.attemptsMax.value

export type Routed =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly head: HeadContext }
  /** No head is served, it is below the asked mark, or nobody who holds it could be asked in time. */
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'overloaded' }
  /** The request's own time is over. */
  | { readonly kind: 'late' }

export interface Router {
  /** Answers the body at one head whose number is at least `minBlock`. */
  ask(
    body: Uint8Array,
    limits: { readonly minBlock: number; readonly untilMs: number; readonly asker: Asker },
  ): Promise<Routed>
  /** The served head once it is at least `minBlock`, waited for as long as a request may wait. */
  head(minBlock: number, asker: Asker): Promise<HeadContext | undefined>
}

interface Chosen {
  readonly at: HeadContext
  readonly link: ReplicaLink
}

interface Parts {
  readonly head: Head
  readonly links: Links
  readonly clock: Clock
  readonly metrics: GatewayMetrics
}

export function createRouter(parts: Parts): Router {
  const { head, clock } = parts
  let turn = 0

  const servedFrom = (minBlock: number): HeadContext | undefined => {
    const served = head.served()
    return served !== undefined && served.head.number >= minBlock ? served : undefined
  }

  /** The holder with the least under way; those that are equal take turns. */
  const pick = (tried: ReadonlySet<ReplicaLink>): ReplicaLink | undefined => {
    const addresses = head.holders()
    turn = (turn + 1) % Number.MAX_SAFE_INTEGER
    let best: ReplicaLink | undefined
    for (let i = 0; i < addresses.length; i++) {
      const link = parts.links.get(addresses[(turn + i) % addresses.length] as string)
      if (link === undefined || tried.has(link)) continue
      if (best === undefined || link.inFlight() < best.inFlight()) best = link
    }
    return best
  }

  return {
    head: (minBlock, asker) => head.wait(() => servedFrom(minBlock), clock.nowMs() + WAIT_MS, asker.signal),
    async ask(body, { minBlock, untilMs, asker }) {
      const waitUntilMs = Math.min(untilMs, clock.nowMs() + WAIT_MS)
      const tried = new Set<ReplicaLink>()
      let bound: HeadContext | undefined
      let failure: Routed['kind'] & ('unavailable' | 'overloaded') = 'unavailable'

      const choose = (): Chosen | undefined => {
        const at = servedFrom(minBlock)
        if (at === undefined) return undefined
        if (at.position !== bound?.position) {
          // A later head than the one that failed, or the first: everybody may be asked again.
          bound = at
          tried.clear()
        }
        const link = pick(tried)
        return link && { at, link }
      }

      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        // A later head does not help those who have too much to do: whoever asks is told so at once, and comes back.
        const chosen: Chosen | undefined =
          choose() ??
          (failure === 'overloaded' ? undefined : await head.wait(choose, waitUntilMs, asker.signal))
        if (chosen === undefined) return { kind: failure }
        const { at, link }: Chosen = chosen
        tried.add(link)
        // A process that was stopped for a while finds requests whose time is long over.
        const deadlineMs = untilMs - clock.nowMs()
        if (deadlineMs <= 0) return { kind: 'late' }
        const outcome: Outcome = await link.ask({ head: at, body, deadlineMs }, asker)
        if (outcome.kind === 'late') return { kind: 'late' }
        if (outcome.kind !== 'answer') {
          if (asker.signal.aborted) return { kind: 'late' }
          parts.metrics.attemptsFailed.add(1, { reason: outcome.kind })
          failure = isOverload(outcome) ? 'overloaded' : 'unavailable'
          continue
        }
        if (mayKnowLater(outcome.answer) && (await isLaterServed(at, waitUntilMs, asker.signal))) continue
        return { kind: 'answer', answer: outcome.answer, head: at }
      }
      return { kind: failure }
    },
  }

  /** True as soon as a later head is served. */
  async function isLaterServed(at: HeadContext, untilMs: number, signal: AbortSignal): Promise<boolean> {
    const later = (): true | undefined => ((head.served()?.position ?? 0) > at.position ? true : undefined)
    return (await head.wait(later, untilMs, signal)) === true
  }
}

/** A call asked for what is announced but not served yet. */
function mayKnowLater(answer: Answer): boolean {
  return answer.items.some((item) => item.kind === 'retry')
}

function isOverload(outcome: Outcome): boolean {
  return outcome.kind === 'refused' && outcome.why === 'overloaded'
}
