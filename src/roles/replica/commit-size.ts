/** How many rows of the store applying a block writes, about: LMDB's list of dirty pages bounds a transaction. */
import type { Frame } from '#chain/frame.ts'

/** Header, hashes, machine. */
const ROWS_OF_ANY_BLOCK = 20
/** Where the frame is not at hand. */
const ROWS_OF_A_MIDDLING_BLOCK = 3_000

export function rowsOf(frame: Frame | undefined): number {
  if (frame === undefined) return ROWS_OF_A_MIDDLING_BLOCK
  const { delta, receipts } = frame
  // The latest value and the one before; changed keys share rows.
  const state = 2 * (delta.accounts.count + delta.slots.count)
  const logs = receipts.reduce((sum, receipt) => sum + receipt.logs.length, 0)
  // Body, receipt and the way from its hash to its place.
  return ROWS_OF_ANY_BLOCK + state + 3 * receipts.length + logs
}
