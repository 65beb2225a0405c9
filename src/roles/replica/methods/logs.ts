/**
 * eth_getLogs. As far as the index of logs reaches it says which logs may match, above it the headers' blooms say which blocks may; log rows
 * say which do. So a query reads little more than what it returns.
 */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { failed } from '#rpc/errors.ts'
import { checkAlternatives, logFilter, type LogFilter, matches, mayMatch } from '#rpc/decode/filter.ts'
import { encodedJson, JSON_TEXT, type JsonBytes } from '#rpc/encode/json-bytes.ts'
import { logPlace, writeRawLog } from '#rpc/encode/receipt-bytes.ts'
import { type BlockPlace, LATEST, type NumberPlace, readParams, required } from '#rpc/decode/params.ts'
import { epochsOf, LogSearch } from '#state/logs/log-search.ts'
import type { LogPlace, Snapshot, StoredLog } from '#state/snapshot.ts'
import { type AnswerContext, findNumber, headerAt } from '#roles/replica/answer/answer-context.ts'
import type { Handlers } from '#roles/replica/answer/handler.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

/** Blocks of one range, and logs of one answer: over them the error names a range that will do. */
export const LOG_BLOCKS_MAX = replicaLimits.logBlocksMax.value
export const LOGS_MAX = replicaLimits.logsMax.value

export const logMethods = {
  eth_getLogs: (params, context) => {
    const [filter] = readParams(params, required(logFilter))
    const range = rangeOf(filter, context)
    return encodedJson((out) => writeMatching(out, filter, range, context))
  },
} satisfies Handlers

function writeMatching(out: JsonBytes, filter: LogFilter, { from, to }: Range, context: AnswerContext): void {
  const { snapshot } = context
  const search = new LogSearch(filter)
  const indexedTo = search.isOfAll() ? from - 1 : Math.min(to, snapshot.indexed)
  const found = createFound(out, snapshot, filter)
  const check = (): void => {
    if (found.count() > LOGS_MAX) throw tooMany(from, to, found.reached())
    if (context.expired()) throw failed('timeout', 'request timed out')
  }
  out.text('[')
  for (const [first, last] of epochsOf(from, indexedTo)) {
    snapshot.indexedLogs(search, { from: first, to: last }, found.take)
    check()
  }
  for (let number = Math.max(from, indexedTo + 1); number <= to; number++) {
    if (search.isOfAll() || mayMatch(filter, headerAt(context, number).logsBloom))
      snapshot.logs(number, (log) => found.take(number, log))
    check()
  }
  out.text(']')
}

interface Range {
  readonly from: number
  readonly to: number
}

function rangeOf(filter: LogFilter, context: AnswerContext): Range {
  checkAlternatives(filter)
  const { where } = filter
  if (where.kind === 'block') {
    const number = findNumber(context, { kind: 'hash', hash: where.hash, requireCanonical: false })
    if (number === undefined) throw failed('server', 'unknown block')
    return { from: number, to: number }
  }
  const { from: begin = LATEST, to: end = LATEST } = where
  // Numbers that contradict each other do so at any head, as geth sees it.
  if (begin.kind === 'number' && end.kind === 'number' && begin.number > end.number) throw invalidRange()
  if ([begin, end].some((place) => place.kind === 'tag' && place.tag === 'pending'))
    throw failed('invalidParams', 'pending logs are not supported')
  // The latest block is above any number, the head's own too.
  if (height(begin, context) > height(end, context)) throw invalidRange()
  const from = findNumber(context, begin)
  if (from === undefined && isLatest(end)) throw invalidRange()
  const to = findNumber(context, end)
  if (from === undefined || to === undefined)
    throw failed('invalidParams', 'block range extends beyond current head block')
  if (to - from >= LOG_BLOCKS_MAX)
    throw suggestion(`query exceeds the limit of ${LOG_BLOCKS_MAX} blocks`, from, from + LOG_BLOCKS_MAX - 1)
  return { from, to }
}

function isLatest(place: BlockPlace): boolean {
  return place.kind === 'tag' && place.tag === 'latest'
}

/** @throws RpcFailure where there is no such block yet, in other words than elsewhere */
function height(place: NumberPlace, { head, snapshot }: AnswerContext): number {
  if (place.kind === 'number') return place.number
  switch (place.tag) {
    case 'earliest':
      return snapshot.chainFrom
    case 'safe':
    case 'finalized': {
      const { number } = head[place.tag]
      if (number === snapshot.chainFrom) throw failed('server', `${place.tag} header not found`)
      return number
    }
    default:
      return Number.POSITIVE_INFINITY
  }
}

function invalidRange(): Error {
  return failed('invalidParams', 'invalid block range params')
}

/** Writes the logs that match, in their order; what they share is read once. */
function createFound(out: JsonBytes, snapshot: Snapshot, filter: LogFilter) {
  let count = 0
  let place: LogPlace | undefined
  let written = logPlace(NOWHERE)
  return {
    count: () => count,
    /** The block of the last log. */
    reached: () => place?.number ?? 0,
    take(number: number, log: StoredLog): boolean {
      if (!matches(filter, log)) return true
      if (place?.number !== number) {
        place = snapshot.logPlace(number)
        assert(place !== undefined, 'the block of a log is here')
        written = logPlace(place)
      }
      const { transactionIndex, logIndex } = log
      const transactionHash = place.transactionHash(transactionIndex)
      assert(transactionHash !== undefined, 'the transaction of a log is stored')
      if (count++ > 0) out.put(JSON_TEXT.comma)
      writeRawLog(out, written, log, { transactionHash, transactionIndex, logIndex })
      return count <= LOGS_MAX
    },
  }
}
const NOWHERE = { hash: '0x' as BlockHash, number: 0, timestamp: 0 }

/** In the words that indexers parse (Infura's): the range that would have been answered. */
function tooMany(from: number, to: number, reached: number): Error {
  const message = `query returned more than ${LOGS_MAX} results`
  return suggestion(message, from, Math.max(from, Math.min(to, reached - 1)))
}

function suggestion(message: string, from: number, to: number): Error {
  const range = { from: `0x${from.toString(16)}`, to: `0x${to.toString(16)}` }
  return failed('limit', `${message}. Try with this block range [${range.from}, ${range.to}].`, {
    ...range,
    limit: LOGS_MAX,
  })
}
