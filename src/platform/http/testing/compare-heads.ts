/**
 * Our reading of mutated heads held against llhttp's. Ours may refuse more; it may never accept what llhttp refuses, nor see another body,
 * another number of requests, or a longer life of the connection.
 */
import { readRequestHead } from '#platform/http/message/request-head.ts'
import { readByLlhttp } from './llhttp.ts'
import { headsFrom } from './mutated-heads.ts'

export interface Comparison {
  readonly acceptedByBoth: number
  readonly refusedByBoth: number
  readonly refusedByUs: number
  /** Seeds and bytes of what must not be. */
  readonly differences: readonly string[]
}

const DIFFERENCES_MAX = 10
const HEADERS_MAX = 100
/** Longer ones, which a mutated length may ask for, are not sent: of these only the head is compared. */
const BODY_BYTES_MAX = 10_000

export function compareHeads(count: number, seed: number): Comparison {
  const next = headsFrom(seed)
  let acceptedByBoth = 0
  let refusedByBoth = 0
  let refusedByUs = 0
  const differences: string[] = []
  for (let i = 0; i < count && differences.length < DIFFERENCES_MAX; i++) {
    const bytes = next()
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) continue
    const ours = readRequestHead(bytes, 0, end, { headersMax: HEADERS_MAX })
    const body = typeof ours === 'number' ? 'hi' : 'x'.repeat(Math.min(ours.length, BODY_BYTES_MAX))
    const chunked = typeof ours !== 'number' && ours.chunked
    const sent = chunked ? '2\r\nhi\r\n0\r\n\r\n' : body
    const theirs = readByLlhttp(Buffer.concat([bytes.subarray(0, end + 4), Buffer.from(sent)]))
    if (typeof ours === 'number') {
      if (theirs.refused) refusedByBoth++
      else refusedByUs++
      continue
    }
    const problem = theirs.refused
      ? 'accepted by us, refused by llhttp'
      : theirs.upgrade || (typeof ours !== 'number' && ours.length > BODY_BYTES_MAX)
        ? undefined // of an upgrade llhttp leaves the rest to the other protocol
        : differing(ours.keepAlive, chunked ? 'hi' : body, theirs)
    if (problem === undefined) acceptedByBoth++
    else differences.push(`seed ${seed}, head ${i}: ${problem}: ${JSON.stringify(bytes.toString('latin1'))}`)
  }
  return { acceptedByBoth, refusedByBoth, refusedByUs, differences }
}

function differing(
  keepAlive: boolean,
  body: string,
  theirs: ReturnType<typeof readByLlhttp>,
): string | undefined {
  if (theirs.messages !== 1) return `${theirs.messages} requests for llhttp`
  if (theirs.body !== body) return `another body for llhttp: ${theirs.body}`
  if (keepAlive && !theirs.keepAlive) return 'we would keep a connection that llhttp ends'
  return undefined
}
