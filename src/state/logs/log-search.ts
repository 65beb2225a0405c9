/**
 * Finds the logs that a query may mean, from the index. Stretch by stretch of 128 blocks: the position that was rarest so far is read first,
 * the others only at the blocks that are left, so a query costs what it finds rather than what its most common term has.
 */
import { equalBytes } from '#kernel/bytes.ts'
import type { ReadTx } from '#ports/storage/key-value.ts'
import {
  BLOCK_BITS,
  decodeIndexes,
  epochOf,
  POSTING_KEY_BYTES,
  POSTING_PREFIX_BYTES,
  postingKey,
} from './log-postings.ts'
import { ADDRESS, termHash } from './log-term.ts'

type Reads = Pick<ReadTx, 'get' | 'seek' | 'next'>

/** Rows that are looked up one by one rather than read in a row: a lookup costs as much as a dozen neighbours. */
const LOOKUPS_MAX = 12
/** Of each block. */
const FEW_LOGS = 4
/** When the rarest position has had more blocks than this, one that was not needed yet is tried: it may be rarer. */
const UNTRIED = 2 * (BLOCK_BITS + 1)

/** What is asked of a log: one of the addresses, and at each place one of the topics; an empty list asks nothing. */
export interface LogTerms {
  readonly addresses: readonly Uint8Array[]
  readonly topics: readonly (readonly Uint8Array[])[]
}

/** Of each block with candidates, ascending, their log indexes, ascending. */
export type Candidates = ReadonlyMap<number, readonly number[] | 'any'>

type Found = Map<number, readonly number[] | 'any'>

interface Position {
  /** Hashes of the alternatives. */
  readonly terms: readonly number[]
  /** Blocks that it had in the stretches in which it was asked; undefined where it never was. */
  found: number | undefined
}

export class LogSearch {
  readonly #positions: Position[]

  constructor({ addresses, topics }: LogTerms) {
    // Before anything is known: third and fourth topics are the rarest, events' signatures the most common.
    const [event, second, ...others] = topics.map((alternatives, i) =>
      position(ADDRESS + 1 + i, alternatives),
    )
    this.#positions = [...others.toReversed(), second, position(ADDRESS, addresses), event].flatMap((each) =>
      each === undefined || each.terms.length === 0 ? [] : [each],
    )
  }

  /** Nothing is asked, so the index has nothing to say. */
  isOfAll(): boolean {
    return this.#positions.length === 0
  }

  /** Of blocks `from` to `to`, which are of one epoch. A log that is not among them does not match. */
  candidates(tx: Reads, from: number, to: number): Candidates {
    this.#positions.sort((a, b) => (a.found ?? UNTRIED) - (b.found ?? UNTRIED))
    let left: Found | undefined
    for (const each of this.#positions) {
      const found: Found =
        left !== undefined && left.size * each.terms.length <= LOOKUPS_MAX
          ? lookUp(tx, each, left.keys())
          : readAll(tx, each, from, to)
      // Of a position that was only looked up we know no more than that.
      each.found = (each.found ?? 0) + found.size
      left = left === undefined ? found : intersect(left, found)
      if (isFew(left)) break
    }
    return new Map([...(left ?? [])].sort(([a], [b]) => a - b))
  }
}

/** Ranges of one epoch each, ascending, that together are `from` to `to`. */
export function* epochsOf(from: number, to: number): Generator<readonly [number, number]> {
  for (let start = from; start <= to; ) {
    const end = Math.min(to, start | BLOCK_BITS)
    yield [start, end]
    start = end + 1
  }
}

function position(at: number, alternatives: readonly Uint8Array[]): Position {
  return { terms: [...new Set(alternatives.map((bytes) => termHash(at, bytes)))], found: undefined }
}

function readAll(tx: Reads, { terms }: Position, from: number, to: number): Map<number, number[] | 'any'> {
  const found = new Map<number, number[] | 'any'>()
  const first = epochOf(from) * (BLOCK_BITS + 1)
  for (const term of terms) {
    const key = postingKey(term, from)
    for (let row = tx.seek('postings', key); row !== undefined; row = tx.next('postings')) {
      const block = first + (row.key[POSTING_KEY_BYTES - 1] as number)
      if (!isOfTerm(row.key, key) || block > to) break
      add(found, block, decodeIndexes(row.value))
    }
  }
  return found
}

function lookUp(tx: Reads, { terms }: Position, blocks: Iterable<number>): Map<number, number[] | 'any'> {
  const found = new Map<number, number[] | 'any'>()
  for (const block of blocks)
    for (const term of terms) {
      const value = tx.get('postings', postingKey(term, block))
      if (value !== undefined) add(found, block, decodeIndexes(value))
    }
  return found
}

function isOfTerm(found: Uint8Array, wanted: Uint8Array): boolean {
  return equalBytes(found.subarray(0, POSTING_PREFIX_BYTES), wanted.subarray(0, POSTING_PREFIX_BYTES))
}

function add(found: Map<number, number[] | 'any'>, block: number, indexes: number[] | 'any'): void {
  const others = found.get(block)
  if (others === undefined) found.set(block, indexes)
  else if (others !== 'any')
    found.set(block, indexes === 'any' ? 'any' : [...new Set([...others, ...indexes])].sort((a, b) => a - b))
}

function intersect(left: Candidates, right: Candidates): Map<number, readonly number[] | 'any'> {
  const both = new Map<number, readonly number[] | 'any'>()
  for (const [block, indexes] of left) {
    const others = right.get(block)
    if (others === undefined) continue
    const common = intersectIndexes(indexes, others)
    if (common === 'any' || common.length > 0) both.set(block, common)
  }
  return both
}

function intersectIndexes(
  a: readonly number[] | 'any',
  b: readonly number[] | 'any',
): readonly number[] | 'any' {
  if (a === 'any') return b
  if (b === 'any') return a
  const common: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [one, other] = [a[i] as number, b[j] as number]
    if (one === other) common.push(one)
    if (one <= other) i++
    if (other <= one) j++
  }
  return common
}

/** To look at so many logs of each block costs no more than to ask what else is known of them. */
function isFew(left: Found): boolean {
  let logs = 0
  for (const indexes of left.values()) {
    if (indexes === 'any') return false
    logs += indexes.length
  }
  return logs <= FEW_LOGS * left.size
}
