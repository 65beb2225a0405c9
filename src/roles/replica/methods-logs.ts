/**
 * eth_getLogs. As far as the index of logs reaches it says which logs may match, above it the headers' blooms say which blocks may; log rows
 * say which do. So a query reads little more than what it returns.
 */
import { assert } from '#kernel/assert.ts'
import { EncodedResult } from '#rpc/answer.ts'
import { failed } from '#rpc/errors.ts'
import { logFilter, type LogFilter, matches, mayMatch } from '#rpc/filter.ts'
import { JsonBytes } from '#rpc/json-bytes.ts'
import { type LogPlace, logPlace, writeLog } from '#rpc/receipt-bytes.ts'
import { type BlockPlace, LATEST, readParams, required } from '#rpc/params.ts'
import { epochsOf, LogSearch } from '#state/log-search.ts'
import type { StoredLog } from '#state/snapshot.ts'
import { type AnswerContext, findNumber, headerAt } from './answer-context.ts'
import type { Handlers } from './handler.ts'
import { replicaLimits } from './limits.ts'

/** Blocks of one range, and logs of one answer: over them the error names a range that will do. */
export const LOG_BLOCKS_MAX = replicaLimits.logBlocksMax.value
export const LOGS_MAX = replicaLimits.logsMax.value

export const logMethods = {
  eth_getLogs: (params, context) => {
    const [filter] = readParams(params, required(logFilter))
    const { from, to } = rangeOf(filter, context)
    const search = new LogSearch(filter)
    const indexedTo = search.isOfAll() ? from - 1 : Math.min(to, context.snapshot.indexed)
    const found = createFound(context, filter)
    const check = (): void => {
      if (found.count() > LOGS_MAX) throw tooMany(from, to, found.reached())
      if (context.expired()) throw failed('timeout', 'request timed out')
    }
    for (const [first, last] of epochsOf(from, indexedTo)) {
      context.snapshot.indexedLogs(search, { from: first, to: last }, found.take)
      check()
    }
    for (let number = Math.max(from, indexedTo + 1); number <= to; number++) {
      if (search.isOfAll() || mayMatch(filter, headerAt(context, number).logsBloom))
        context.snapshot.logs(number, (log) => found.take(number, log))
      check()
    }
    return found.result()
  },
} satisfies Handlers

function rangeOf({ where }: LogFilter, context: AnswerContext): { from: number; to: number } {
  if (where.kind === 'block') {
    const number = findNumber(context, { kind: 'hash', hash: where.hash, requireCanonical: false })
    if (number === undefined) throw failed('server', 'unknown block')
    return { from: number, to: number }
  }
  // Numbers that contradict each other do so at any head, as geth sees it.
  if (isNumber(where.from) && isNumber(where.to) && where.from.number > where.to.number) throw invalidRange()
  const to = end(context, where.to ?? LATEST)
  if (to === undefined) throw failed('invalidParams', 'block range extends beyond current head block')
  const from = end(context, where.from ?? LATEST)
  if (from === undefined || from > to) throw invalidRange()
  if (to - from >= LOG_BLOCKS_MAX)
    throw suggestion(`query exceeds the limit of ${LOG_BLOCKS_MAX} blocks`, from, from + LOG_BLOCKS_MAX - 1)
  return { from, to }
}

function isNumber(place: BlockPlace | undefined): place is BlockPlace & { readonly kind: 'number' } {
  return place?.kind === 'number'
}

function invalidRange(): Error {
  return failed('invalidParams', 'invalid block range params')
}

/** Undefined for a number above the head that nobody announced. */
function end(context: AnswerContext, place: BlockPlace): number | undefined {
  if (place.kind === 'tag' && place.tag === 'pending')
    throw failed('invalidParams', 'pending logs are not supported')
  return findNumber(context, place)
}

/** Gathers the logs that match, in their order; what they share is read once. */
function createFound(context: AnswerContext, filter: LogFilter) {
  const { snapshot } = context
  const out = new JsonBytes()
  let count = 0
  let reached = 0
  let place: LogPlace | undefined
  let transaction: { readonly index: number; readonly hash: Uint8Array } | undefined
  out.text('[')
  return {
    count: () => count,
    result: () => new EncodedResult(out.text(']').copy()),
    /** The block of the last log. */
    reached: () => reached,
    take(number: number, log: StoredLog): boolean {
      if (!matches(filter, log)) return true
      const { transactionIndex: index, logIndex } = log
      if (place === undefined || reached !== number) {
        place = logPlace(headerAt(context, number))
        reached = number
        transaction = undefined
      }
      if (transaction?.index !== index) {
        const hash = snapshot.transactionHash(number, index)
        assert(hash !== undefined, 'the transaction of a log is stored')
        transaction = { index, hash }
      }
      if (count++ > 0) out.text(',')
      writeLog(out, place, log, { transactionHash: transaction.hash, transactionIndex: index, logIndex })
      return count <= LOGS_MAX
    },
  }
}

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
