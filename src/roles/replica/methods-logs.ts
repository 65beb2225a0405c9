/** eth_getLogs: the headers' blooms say which blocks may match, their log rows say which do. */
import { type Hex, toHex } from '#kernel/bytes.ts'
import { type Json, logJson, placeOf } from '#rpc/encode.ts'
import { failed } from '#rpc/errors.ts'
import { logFilter, type LogFilter, matches, mayMatch } from '#rpc/filter.ts'
import { type BlockPlace, LATEST, readParams, required } from '#rpc/params.ts'
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
    const out: Json[] = []
    for (let number = from; number <= to; number++) {
      collect(context, filter, number, out)
      if (out.length > LOGS_MAX) throw tooMany(from, to, number)
      if (context.expired()) throw failed('timeout', 'request timed out')
    }
    return out
  },
} satisfies Handlers

function rangeOf({ where }: LogFilter, context: AnswerContext): { from: number; to: number } {
  if (where.kind === 'block') {
    const number = findNumber(context, { kind: 'hash', hash: where.hash, requireCanonical: false })
    if (number === undefined) throw failed('server', 'unknown block')
    return { from: number, to: number }
  }
  const to = end(context, where.to ?? LATEST)
  if (to === undefined) throw failed('invalidParams', 'block range extends beyond current head block')
  const from = end(context, where.from ?? LATEST)
  if (from === undefined || from > to) throw failed('invalidParams', 'invalid block range params')
  if (to - from >= LOG_BLOCKS_MAX)
    throw suggestion(`query exceeds the limit of ${LOG_BLOCKS_MAX} blocks`, from, from + LOG_BLOCKS_MAX - 1)
  return { from, to }
}

/** Undefined for a number above the head that nobody announced. */
function end(context: AnswerContext, place: BlockPlace): number | undefined {
  if (place.kind === 'tag' && place.tag === 'pending')
    throw failed('invalidParams', 'pending logs are not supported')
  return findNumber(context, place)
}

function collect(context: AnswerContext, filter: LogFilter, number: number, out: Json[]): void {
  const header = headerAt(context, number)
  if (!mayMatch(filter, header.logsBloom)) return
  const place = placeOf(header)
  let hashes: readonly Hex[] | undefined
  context.snapshot.logs(number, (log) => {
    if (!matches(filter, log)) return true
    hashes ??= transactionHashes(context, number)
    out.push(logJson(log, place, hashes[log.transactionIndex] as Hex, log.transactionIndex, log.logIndex))
    return out.length <= LOGS_MAX
  })
}

function transactionHashes({ snapshot }: AnswerContext, number: number): readonly Hex[] {
  return (snapshot.transactionHashes(number) ?? []).map((hash) => toHex(hash))
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
