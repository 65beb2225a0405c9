/**
 * The index of logs: which logs of a block have a term. Written behind the blocks, when the applier is idle, from the blocks' log rows; up to
 * which block it reaches is `indexed`. A row stands under the stretch of history of its block, so that a term's rows of 128 blocks are
 * neighbours: `epoch 4 ‖ term 6 ‖ block & 127` → log indexes of two bytes, ascending; empty where they do not fit, which says "any of them".
 */
import { assert } from '#kernel/assert.ts'
import type { ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import { getU32, putU32, u32 } from '#state/codec/bytes.ts'
import { LOG_ADDRESS_AT, LOG_FIXED_BYTES } from '#state/codec/receipt.ts'
import { PART_BYTES } from '#state/parts.ts'
import { ADDRESS, termHash } from './log-term.ts'

export const POSTING_KEY_BYTES = 11
/** Of a posting's key, what all rows of one term in one epoch begin with. */
export const POSTING_PREFIX_BYTES = 10
export const BLOCK_BITS = 127
const EPOCH_SHIFT = 7

const INDEXES_MAX = PART_BYTES / 2
const INDEX_MAX = 0xffff

/** Of the blocks whose rows of a term are neighbours. */
export function epochOf(block: number): number {
  return block >>> EPOCH_SHIFT
}

export function postingKey(term: number, block: number, out = new Uint8Array(POSTING_KEY_BYTES)): Uint8Array {
  putU32(out, 0, epochOf(block))
  putU32(out, 4, Math.floor(term / 0x1_0000))
  out[8] = term >>> 8
  out[9] = term
  out[10] = block & BLOCK_BITS
  return out
}

/** Writes the postings of a block whose logs are stored; the number of rows. */
export function indexBlock(tx: WriteTx, block: number): number {
  const terms = termsOf(tx, block)
  const key = new Uint8Array(POSTING_KEY_BYTES)
  // In the order of their keys: neighbours share pages.
  for (const term of Float64Array.from(terms.keys()).sort())
    tx.put('postings', postingKey(term, block, key), encodeIndexes(terms.get(term) ?? []))
  return terms.size
}

/** Removes what `indexBlock` wrote, while the block's logs are still stored. */
export function unindexBlock(tx: WriteTx, block: number): void {
  for (const term of termsOf(tx, block).keys()) tx.remove('postings', postingKey(term, block))
}

export function decodeIndexes(value: Uint8Array): number[] | 'any' {
  if (value.length === 0) return 'any'
  const indexes: number[] = []
  for (let at = 0; at < value.length; at += 2)
    indexes.push(((value[at] as number) << 8) | (value[at + 1] as number))
  return indexes
}

function encodeIndexes(indexes: readonly number[]): Uint8Array {
  if (indexes.length > INDEXES_MAX || (indexes.at(-1) ?? 0) > INDEX_MAX) return new Uint8Array()
  const out = new Uint8Array(2 * indexes.length)
  indexes.forEach((index, i) => {
    out[2 * i] = index >>> 8
    out[2 * i + 1] = index
  })
  return out
}

/** The terms of a block's logs, each with the indexes of the logs that have it. */
function termsOf(tx: Pick<ReadTx, 'seek' | 'next'>, block: number): Map<number, number[]> {
  const terms = new Map<number, number[]>()
  for (let row = tx.seek('logs', u32(block)); row !== undefined; row = tx.next('logs')) {
    if (getU32(row.key, 0) !== block) break
    // What a query asks for stands in a log's first part.
    if (row.key[8] !== 0 || row.key[9] !== 0) continue
    const index = getU32(row.key, 4)
    const { value } = row
    note(terms, termHash(ADDRESS, value, LOG_ADDRESS_AT, LOG_FIXED_BYTES), index)
    for (let topic = 0; topic < (value[0] as number); topic++) {
      const from = LOG_FIXED_BYTES + 32 * topic
      note(terms, termHash(ADDRESS + 1 + topic, value, from, from + 32), index)
    }
  }
  return terms
}

function note(terms: Map<number, number[]>, term: number, index: number): void {
  const indexes = terms.get(term)
  if (indexes === undefined) terms.set(term, [index])
  // Two terms of one log may have one hash.
  else if (indexes.at(-1) !== index) {
    assert((indexes.at(-1) as number) < index, 'logs are stored in their order')
    indexes.push(index)
  }
}
