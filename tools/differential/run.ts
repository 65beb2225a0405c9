/** Random requests to geth and to Drover at the same block: each difference is made smaller and said with a command that repeats it. */
import { createPrng } from '#kernel/prng.ts'
import { askBoth, type By, type Outcome, type Pair, type Urls } from './ask-both.ts'
import type { Deviation } from './deviations.ts'
import type { Facts } from './facts.ts'
import { batchText, randomRequest, type Request, requestText } from './requests.ts'
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
const BATCH_SHARE = 0.03
const BATCH_MAX = 6

export async function runDifferential(
  { requests, seed, from = 0, urls, facts }: DifferentialOptions,
  say: (line: string) => void,
): Promise<DifferentialReport> {
  const pair = askBoth(urls, facts.sides)
  const allowed = new Map<Deviation, number>()
  const shown = new Map<string, number>()
  let different = 0
  let next = from
  const worker = async (): Promise<void> => {
    while (next < from + requests) {
      const number = next++
      const prng = createPrng(`${seed}/${number}`)
      const by: By = prng.chance(urls.gateway === urls.replica ? 0 : GATEWAY_SHARE) ? 'gateway' : 'replica'
      const batched = prng.chance(BATCH_SHARE) ? prng.between(1, BATCH_MAX) : undefined
      const drawn = Array.from({ length: batched ?? 1 }, () => randomRequest({ prng, facts }))
      const request = drawn[0] as Request
      const outcome = batched === undefined ? await pair.ask(request, by) : await pair.askAll(drawn, by)
      if (outcome.kind === 'allowed')
        allowed.set(outcome.deviation, (allowed.get(outcome.deviation) ?? 0) + 1)
      if (outcome.kind !== 'different') continue
      different++
      const kind = `${batched === undefined ? request.method : 'batch'} ${likeness(outcome)}`
      const alike = shown.get(kind)
      if (alike !== undefined) say(`request ${number} of the seed differs as ${alike} does`)
      if (alike !== undefined || shown.size >= SHOWN_MAX) continue
      shown.set(kind, number)
      const found = { number, by, outcome }
      say(
        batched === undefined
          ? await toldSmall(pair, request, found, urls)
          : told(batchText(drawn), found, urls),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { asked: requests, different, allowed }
}

type Different = Extract<Outcome, { kind: 'different' }>

/** Differences of one cause mostly look alike: one of each is shown whole. */
function likeness({ what }: Different): string {
  return what.replace(/\d+|0x[0-9a-f]+/gi, '#').slice(0, 60)
}

interface Found {
  readonly number: number
  readonly by: By
  readonly outcome: Different
}

async function toldSmall(pair: Pair, request: Request, found: Found, urls: Urls): Promise<string> {
  let { outcome } = found
  const small = await shrunk(request, async (smaller) => {
    const got = await pair.ask(smaller, found.by)
    if (got.kind === 'different') outcome = got
    return got.kind === 'different'
  })
  return told(requestText(small), { ...found, outcome }, urls)
}

function told(text: string, { number, by, outcome: { what, geth, ours } }: Found, urls: Urls): string {
  const body = text.replaceAll("'", String.raw`'\''`)
  return [
    `request ${number} of the seed, by the ${by}: ${what}`,
    `  geth  ${geth}`,
    `  ours  ${ours}`,
    `  for u in ${urls.geth} ${urls[by]}; do curl -s $u -H 'content-type: application/json' -d '${body}'; echo; done`,
  ].join('\n')
}
