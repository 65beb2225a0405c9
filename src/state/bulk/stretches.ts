/**
 * Where a row of history stands. Rows are written into short stretches of blocks, so that a block's rows share pages and pruning empties whole
 * ones; but a reader asks one stretch after the other, from its block up to the head, and an archive has very many. So behind the head, when
 * the applier is idle, the rows of several stretches are moved into one wider stretch, and so on, each width level by level: a reader then
 * passes some short ones near the head and few wide ones further back. Rows of one key move together: at any moment a reader finds all of a
 * key's rows of a stretch in the one or in the other.
 */
import { assert } from '#kernel/assert.ts'
import { compareBytes } from '#kernel/bytes.ts'
import type { ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import { getU32, putU32 } from '#state/codec/bytes.ts'

/** Blocks of a stretch of each level, as powers of two. Of the widest as many rows of one key as it has blocks move in one transaction. */
const SHIFTS = [4, 7, 10, 13] as const
export const LEVELS = SHIFTS.length
const LEVEL_AT = 2 ** 28

/** A width is used where history is so many times as long. */
const KEPT_STRETCHES = 2

export type HistoryTable = 'history' | 'trieHistory'
const TABLES: readonly HistoryTable[] = ['history', 'trieHistory']

/** How far history is widened; part of the store's status. */
export interface Widening {
  /** Of each level above the first, ascending: rows of blocks below this are at that level or above. */
  readonly from: readonly number[]
  /** The level into which rows are being moved, from the block above on; 0 for none. */
  readonly moving: number
  /** The trie's history is in rows of its own below this block (above, in those of its blocks): the first level's end, or on the way to it. */
  readonly keyed: number
}

export const NOT_WIDENED: Widening = { from: [0, 0, 0], moving: 0, keyed: 0 }

const STRETCH_BYTES = 4
const BLOCK_BYTES = 4

/** `stretch 4 ‖ tagged key ‖ block 4`: the row of a key that a block changed, at a level (rows are written at level 0). */
export function historyKey(tagged: Uint8Array, block: number, level = 0): Uint8Array {
  const key = new Uint8Array(STRETCH_BYTES + tagged.length + BLOCK_BYTES)
  putU32(key, 0, stretchOf(block, level))
  for (let i = 0; i < tagged.length; i++) key[STRETCH_BYTES + i] = tagged[i] as number
  putU32(key, STRETCH_BYTES + tagged.length, block)
  return key
}

function stretchOf(block: number, level: number): number {
  return level * LEVEL_AT + (block >>> (SHIFTS[level] as number))
}

function blocksOf(level: number): number {
  return 2 ** (SHIFTS[level] as number)
}

/** The level at which rows of a block stand, but for those that have been moved one up. */
function levelOf(block: number, { from }: Widening): number {
  let level = 0
  while (level < from.length && block < (from[level] as number)) level++
  return level
}

/** Where a level's next stretch begins. */
function nextOf(level: number, { from }: Widening): number {
  return from[level - 1] as number
}

/**
 * The value before, of the first block above `number` that changed the key; undefined where none did, up to the head. Valid until the next call.
 * @param probe of {@link historyKey} for the key, for this to fill in
 */
export function valueBefore(
  tx: Pick<ReadTx, 'seek'>,
  table: HistoryTable,
  probe: Uint8Array,
  { number, head, widening }: { readonly number: number; readonly head: number; readonly widening: Widening },
): Uint8Array | undefined {
  let block = number + 1
  putU32(probe, probe.length - BLOCK_BYTES, block)
  const up = widening.moving
  let isMovingPassed = up === 0
  while (block <= head) {
    const level = levelOf(block, widening)
    if (!isMovingPassed && level === up - 1 && block < nextOf(up, widening) + blocksOf(up)) {
      isMovingPassed = true
      const moved = firstOf(tx, table, probe, stretchOf(block, up))
      if (moved !== undefined) return moved
    }
    const found = firstOf(tx, table, probe, stretchOf(block, level))
    if (found !== undefined) return found
    block = ((block >>> (SHIFTS[level] as number)) + 1) * blocksOf(level)
  }
  return undefined
}

function firstOf(
  tx: Pick<ReadTx, 'seek'>,
  table: HistoryTable,
  probe: Uint8Array,
  stretch: number,
): Uint8Array | undefined {
  putU32(probe, 0, stretch)
  const row = tx.seek(table, probe)
  if (row?.key.length !== probe.length) return undefined
  for (let i = 0; i < probe.length - BLOCK_BYTES; i++) if (row.key[i] !== probe[i]) return undefined
  return row.value
}

/** Removes the row of a block's key, wherever it stands; false where there is none. */
export function removeHistory(
  tx: WriteTx,
  table: HistoryTable,
  tagged: Uint8Array,
  { block, widening }: { readonly block: number; readonly widening: Widening },
): boolean {
  const level = levelOf(block, widening)
  const key = historyKey(tagged, block, level)
  // Nearly always it stands where its block says: nothing is made for the others before.
  if (tx.remove(table, key)) return true
  return otherLevels(level).some((other) => {
    putU32(key, 0, stretchOf(block, other))
    return tx.remove(table, key)
  })
}

/** What was pruned in part when its stretch was passed stands lower than its block says. */
function otherLevels(level: number): number[] {
  const below = Array.from({ length: level }, (_, i) => level - 1 - i)
  return [level + 1, ...below].filter((each) => each < LEVELS)
}

/** Up to which block the trie's history must be keyed before rows are moved. */
export function keyedTo(widening: Widening): number {
  return widening.moving === 1 ? nextOf(1, widening) + blocksOf(1) : nextOf(1, widening)
}

/** What is to be done next, if anything: passes over stretches that were pruned, and names the one that is old enough to be moved. */
export function nextWidening(
  widening: Widening,
  { finalized, historyFrom }: { readonly finalized: number; readonly historyFrom: number },
): Widening {
  const { from, moving, keyed } = widening
  if (moving > 0) return widening
  const passed = from.map((next, i) => {
    const blocks = blocksOf(i + 1)
    return Math.max(next, Math.floor(historyFrom / blocks) * blocks)
  })
  const ready = passed.findIndex((next, i) => {
    const blocks = blocksOf(i + 1)
    const below = i === 0 ? finalized + 1 : (passed[i - 1] as number)
    // What is pruned soon is not moved before: it would be for nothing.
    const isKeptLong = finalized - historyFrom >= KEPT_STRETCHES * blocks
    return isKeptLong && next + blocks <= Math.min(below, finalized + 1 - blocks / 4)
  })
  return { from: passed, moving: ready + 1, keyed: Math.max(keyed, passed[0] as number) }
}

/** Moves about `rowsMax` rows, and all of the last key, into the stretch that {@link nextWidening} named. */
export function widen(tx: WriteTx, widening: Widening, rowsMax: number): Widening {
  const { from, moving, keyed } = widening
  assert(moving > 0, 'a stretch is named before rows are moved')
  assert(keyed >= keyedTo(widening), 'the history of the trie is keyed before rows are moved')
  for (const table of TABLES) if (moveRows(tx, table, widening, rowsMax) > 0) return widening
  return {
    from: from.map((next, i) => (i === moving - 1 ? next + blocksOf(moving) : next)),
    moving: 0,
    keyed,
  }
}

interface Moved {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

function moveRows(tx: WriteTx, table: HistoryTable, widening: Widening, rowsMax: number): number {
  const { moving } = widening
  const first = nextOf(moving, widening)
  const narrow = blocksOf(moving - 1)
  const count = blocksOf(moving) / narrow
  const rows: Moved[] = []
  let last: Uint8Array | undefined
  for (let i = 0; i < count; i++) {
    const stretch = stretchOf(first + i * narrow, moving - 1)
    last = readRows(tx, table, stretch, { rowsMax: Math.ceil(rowsMax / count), last, into: rows })
  }
  const whole = last
  const moved = whole === undefined ? rows : rows.filter(({ key }) => compareBytes(taggedOf(key), whole) <= 0)
  for (const { key } of moved) tx.remove(table, key)
  for (const { key } of moved) putU32(key, 0, stretchOf(first, moving))
  moved.sort((a, b) => compareBytes(a.key, b.key))
  for (const { key, value } of moved) tx.put(table, key, value)
  return moved.length
}

/** Rows of a stretch in order, up to key `last`; where there are more than `rowsMax`, up to the end of a key, which is the new last. */
function readRows(
  tx: WriteTx,
  table: HistoryTable,
  stretch: number,
  { rowsMax, last, into }: { rowsMax: number; last: Uint8Array | undefined; into: Moved[] },
): Uint8Array | undefined {
  const start = new Uint8Array(STRETCH_BYTES)
  putU32(start, 0, stretch)
  let before: Uint8Array | undefined
  let read = 0
  for (let row = tx.seek(table, start); row !== undefined; row = tx.next(table)) {
    if (getU32(row.key, 0) !== stretch) return last
    const isSame = before !== undefined && compareBytes(taggedOf(row.key), before) === 0
    if (!isSame && read >= rowsMax) return before
    if (last !== undefined && compareBytes(taggedOf(row.key), last) > 0) return last
    const key = row.key.slice()
    into.push({ key, value: row.value.slice() })
    before = taggedOf(key)
    read++
  }
  return last
}

function taggedOf(key: Uint8Array): Uint8Array {
  return key.subarray(STRETCH_BYTES, key.length - BLOCK_BYTES)
}
