/**
 * Undoes and applies blocks within a transaction, as many as it can take. A block is never divided: one that has more rows than a transaction
 * should have goes by itself. The largest that 60 million gas allow changes some 16,000 slots (31,000 rows of state and history, in random
 * places) or writes 160,000 logs (side by side); LMDB bounds a transaction by its dirty pages, 131,071, of which the first touches at most
 * three for each slot, and the second some thousands. test/store/large-switch.e2e.test.ts commits one of 45,000 rows.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { type Frame, type Level, LEVELS } from '#chain/block/frame.ts'
import { fromHex } from '#kernel/bytes.ts'
import type { Compress } from '#ports/compress.ts'
import type { StoreWriter } from '#state/store.ts'
import { encodeFrame } from '#wire/frame.ts'
import { rowsOf, rowsOfUndone } from '#roles/replica/apply/commit-size.ts'
import { nextStep, type SwitchPlan } from './switch-plan.ts'

export interface SwitchParts {
  readonly compress: Compress
  readonly prove: Level
  /** Of a block that is to be applied. */
  readonly frameOf: (block: BlockRef, writer: StoreWriter) => Frame
}

export interface Switched {
  /** The switch is made; otherwise the transaction is full. */
  readonly isDone: boolean
  /** The verified block at the writer's head. */
  readonly verified: BlockRef
}

/** Goes on with a switch from the writer's head: at least one step, and then until about `rowsMax` rows are written. */
export function switchBlocks(
  writer: StoreWriter,
  plan: Pick<SwitchPlan, 'undo' | 'apply' | 'dropped'>,
  begun: BlockRef,
  rowsMax: number,
  { compress, prove, frameOf }: SwitchParts,
): Switched {
  const dropped = new Set(plan.dropped)
  let verified = begun
  let rows = 0
  for (let step = nextStep(plan, writer.head()); step !== undefined; step = nextStep(plan, writer.head())) {
    const { kind, block } = step
    if (rows >= rowsMax) return { isDone: false, verified }
    if (kind === 'undo') {
      const frame = writer.undo()
      rows += rowsOfUndone(frame)
      if (!dropped.has(block.hash)) writer.putSide(fromHex(block.hash), encodeFrame(frame, compress))
      if (verified.hash === block.hash) verified = writer.head()
      continue
    }
    const frame = frameOf(block, writer)
    if (rows > 0 && rows + rowsOf(frame) > rowsMax) return { isDone: false, verified }
    rows += rowsOf(frame)
    const isNext = verified.hash === writer.head().hash
    writer.apply(frame)
    if (isNext && LEVELS.indexOf(frame.level) >= LEVELS.indexOf(prove)) verified = block
    writer.removeSide(fromHex(block.hash))
  }
  return { isDone: true, verified }
}
