/** One request to geth and to Drover, and what differs: result, error code, message or data. */
import { setTimeout as sleep } from 'node:timers/promises'
import { firstDifference, parseExactly, shown } from '#tools/conformance/judge.ts'
import { httpEndpoint } from '#tools/conformance/http-endpoint.ts'
import { type Answer, type Deviation, deviationOf, NO_ANSWER } from './deviations.ts'
import { batchText, type Request, requestText } from './requests.ts'

export type By = 'replica' | 'gateway'
export interface Urls extends Readonly<Record<By, string>> {
  readonly geth: string
}

export type Outcome =
  | { readonly kind: 'same' }
  | { readonly kind: 'allowed'; readonly deviation: Deviation }
  | { readonly kind: 'different'; readonly what: string; readonly geth: string; readonly ours: string }

/** How often a difference is looked at again where heads moved meanwhile. */
const TRIES = 5
const TRY_AGAIN = -32_005
const PATIENCE_MS = 250
const PATIENCE_TRIES = 100
const HEAD: Request = { method: 'eth_getBlockByNumber', params: ['latest', false] }

export interface Pair {
  ask(request: Request, by: By): Promise<Outcome>
  /** As one batch; the first that differs counts. */
  askAll(requests: readonly Request[], by: By): Promise<Outcome>
}

export function askBoth(urls: Urls, sides: readonly string[]): Pair {
  const endpoints = {
    geth: httpEndpoint(urls.geth),
    replica: httpEndpoint(urls.replica),
    gateway: httpEndpoint(urls.gateway),
  }
  const judge = (request: Request, [theirs, own]: readonly [unknown, unknown], by: By): Outcome => {
    const what = firstDifference(theirs, own, { words: 'count' })
    if (what === undefined) return { kind: 'same' }
    const deviation = deviationOf({ request, geth: theirs as Answer, ours: own as Answer, by, sides })
    return deviation === undefined
      ? { kind: 'different', what, geth: shown(theirs), ours: shown(own) }
      : { kind: 'allowed', deviation }
  }
  const once = async (requests: readonly Request[], text: string, by: By): Promise<Outcome> => {
    const [theirs, own] = await Promise.all([
      endpoints.geth.ask(text).then(parsed, orNoAnswer),
      patient(by, text),
    ])
    if (!Array.isArray(theirs) || !Array.isArray(own) || theirs.length !== own.length)
      return judge(requests[0] as Request, [theirs, own], by)
    const outcomes = requests.map((request, i) => judge(request, [theirs[i], own[i]], by))
    const worst = (kind: Outcome['kind']): Outcome | undefined => outcomes.find((one) => one.kind === kind)
    return worst('different') ?? worst('allowed') ?? { kind: 'same' }
  }
  /** Who is short of something says so, and is asked again. */
  const patient = async (by: By, text: string): Promise<unknown> => {
    for (let tries = 0; ; tries++) {
      const answer = parsed(await endpoints[by].ask(text))
      const { error } = answer as { error?: { code?: unknown } }
      if (error?.code !== TRY_AGAIN || tries >= PATIENCE_TRIES) return answer
      await sleep(PATIENCE_MS)
    }
  }
  const heads = async (): Promise<string> => {
    const texts = await Promise.all(Object.values(endpoints).map((each) => each.ask(requestText(HEAD))))
    const hashes = new Set(
      texts.map((text) => (JSON.parse(text) as { result?: { hash: string } }).result?.hash),
    )
    return hashes.size === 1 ? String([...hashes][0]) : ''
  }
  const steady = async (requests: readonly Request[], text: string, by: By): Promise<Outcome> => {
    let outcome = await once(requests, text, by)
    for (let tries = 1; outcome.kind === 'different' && tries < TRIES; tries++) {
      const before = await heads()
      outcome = await once(requests, text, by)
      if (before !== '' && before === (await heads())) break
    }
    return outcome
  }
  return {
    ask: (request, by) => steady([request], requestText(request), by),
    askAll: (requests, by) => steady(requests, batchText(requests), by),
  }
}

function orNoAnswer(thrown: unknown): Answer {
  if (String(thrown).includes('TimeoutError')) return NO_ANSWER
  throw thrown
}

function parsed(text: string): unknown {
  try {
    return parseExactly(text)
  } catch {
    return `no JSON: ${text.slice(0, 80)}`
  }
}
