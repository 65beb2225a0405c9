/** Random requests to geth and to Drover at the same block: each difference is made smaller and said with a command that repeats it. */
import { createPrng } from '#kernel/prng.ts'
import { askBoth, type By, type Outcome, type Pair, type Urls } from './ask-both.ts'
import type { Deviation } from './deviations.ts'
import type { Facts } from './facts.ts'
import { randomRequest, type Request, requestText } from './requests.ts'
import { shrunk } from './shrink.ts'

export interface DifferentialOptions {
  readonly requests: number
  readonly seed: number | string
  /** The number of the first request: one alone is repeated by its own. */
  readonly from?: number
  readonly urls: Urls
  readonly facts: Facts
}

export interface DifferentialReport {
  readonly asked: number
  readonly different: number
  /** Requests on which the two differ on purpose. */
  readonly allowed: ReadonlyMap<Deviation, number>
}

const AT_ONCE = 8
const SHOWN_MAX = 40
const GATEWAY_SHARE = 0.25

export async function runDifferential(
  { requests, seed, from = 0, urls, facts }: DifferentialOptions,
  say: (line: string) => void,
): Promise<DifferentialReport> {
  const pair = askBoth(urls)
  const allowed = new Map<Deviation, number>()
  const shown = new Set<string>()
  let different = 0
  let next = from
  const worker = async (): Promise<void> => {
    while (next < from + requests) {
      const number = next++
      const prng = createPrng(`${seed}/${number}`)
      const by: By = prng.chance(GATEWAY_SHARE) ? 'gateway' : 'replica'
      const request = randomRequest({ prng, facts })
      const outcome = await pair.ask(request, by)
      if (outcome.kind === 'allowed')
        allowed.set(outcome.deviation, (allowed.get(outcome.deviation) ?? 0) + 1)
      if (outcome.kind !== 'different') continue
      different++
      const kind = `${request.method} ${likeness(outcome)}`
      if (shown.has(kind) || shown.size >= SHOWN_MAX) continue
      shown.add(kind)
      say(await told(pair, { request, by, number, outcome }, urls))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { asked: requests, different, allowed }
}

type Different = Extract<Outcome, { kind: 'different' }>

/** Differences of one cause mostly look alike: one of each is shown. */
function likeness({ what }: Different): string {
  return what.replace(/\d+|0x[0-9a-f]+/gi, '#').slice(0, 60)
}

async function told(
  pair: Pair,
  found: { readonly request: Request; readonly by: By; readonly number: number; readonly outcome: Different },
  urls: Urls,
): Promise<string> {
  let last = found.outcome
  const request = await shrunk(found.request, async (smaller) => {
    const outcome = await pair.ask(smaller, found.by)
    if (outcome.kind === 'different') last = outcome
    return outcome.kind === 'different'
  })
  const body = requestText(request).replaceAll("'", String.raw`'\''`)
  return [
    `request ${found.number} of the seed, by the ${found.by}: ${last.what}`,
    `  geth  ${last.geth.trim().slice(0, TEXT_SHOWN)}`,
    `  ours  ${last.ours.trim().slice(0, TEXT_SHOWN)}`,
    `  for u in ${urls.geth} ${urls[found.by]}; do curl -s $u -H 'content-type: application/json' -d '${body}'; echo; done`,
  ].join('\n')
}
const TEXT_SHOWN = 400
