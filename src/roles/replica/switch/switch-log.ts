/** Tells people and metrics of a switch that was made. */
import { type BlockRef, describeBlock } from '#chain/block/block-ref.ts'
import type { Logger } from '#ports/logger.ts'
import type { Heads } from '#state/identity.ts'
import type { ApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'

export interface MadeSwitch {
  readonly from: BlockRef
  readonly heads: Heads
  readonly undone: number
  readonly applied: number
  /** The head was held back until now. */
  readonly wasHeld: boolean
}

export function tellSwitch(
  { log, metrics }: { readonly log: Logger; readonly metrics: ApplierMetrics },
  { from, heads, undone, applied, wasHeld }: MadeSwitch,
): void {
  metrics.applied.add(applied)
  metrics.undone.add(undone)
  metrics.head.set(heads.head.number)
  metrics.finalized.set(heads.finalized.number)
  metrics.verified.set(heads.verified.number)
  const way = { from: describeBlock(from), to: describeBlock(heads.head) }
  if (undone > 0) log.info('reorganisation', { ...way, undone, applied })
  if (!wasHeld) return
  metrics.steppedDown.add(1)
  log.warn('the head was held back, and no branch grew as high within two block times: it steps down', way)
}
