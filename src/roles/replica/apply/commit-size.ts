/** How many rows of the store applying a block writes, about: LMDB's list of dirty pages bounds a transaction. */
import type { Frame } from '#chain/block/frame.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'

/** Header, hashes, machine. */
const ROWS_OF_ANY_BLOCK = 20
/** Where the frame is not at hand. */
const ROWS_OF_A_MIDDLING_BLOCK = 3_000

/** Rows of the trie and its history for each row of state and history, about. */
const ROWS_WITH_TRIE = 4

/** How many rows, as they are counted here, a transaction takes where a state trie is kept too. */
export function rowsMaxOf(rowsMax: number, keepsTrie: boolean): number {
  return keepsTrie ? Math.ceil(rowsMax / ROWS_WITH_TRIE) : rowsMax
}

export function rowsOf(frame: Frame | undefined): number {
  if (frame === undefined) return ROWS_OF_A_MIDDLING_BLOCK
  const { delta, receipts } = frame
  // The latest value and the one before; changed keys share rows.
  const state = 2 * (delta.accounts.count + delta.slots.count)
  const logs = countLogs(receipts, () => 1)
  // Body, receipt and the way from its hash to its place.
  return ROWS_OF_ANY_BLOCK + state + 3 * receipts.length + logs
}

/** Several blocks, and those whose frames are at hand are more than one transaction should take. */
export function areMore(frames: readonly (Frame | undefined)[], rowsMax: number): boolean {
  const rows = frames.reduce((sum, frame) => sum + (frame === undefined ? 0 : rowsOf(frame)), 0)
  return frames.length > 1 && rows > rowsMax
}

/** Undoing takes the block's logs out of the index as well. */
export function rowsOfUndone(frame: Frame): number {
  return rowsOf(frame) + countLogs(frame.receipts, (topics) => 1 + topics)
}

function countLogs(receipts: readonly Receipt[], rowsOfOne: (topics: number) => number): number {
  return receipts.reduce(
    (sum, { logs }) => logs.reduce((rows, { topics }) => rows + rowsOfOne(topics.length), sum),
    0,
  )
}
