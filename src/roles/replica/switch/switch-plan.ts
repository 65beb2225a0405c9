/**
 * The rest of a switch that is larger than one transaction, as it is stored: its first transaction writes where the feed was read to, the
 * machine's state there and this plan; then blocks are undone and applied, some in each transaction; the last takes the plan away. How far it
 * has come is what the store's head says. Whoever finds a plan carries it to its end before anything else.
 */
import { type BlockHash, type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import type { Heads } from '#state/identity.ts'

export interface SwitchPlan {
  /** Newest first; the first was the head. */
  readonly undo: readonly BlockRef[]
  /** Oldest first. */
  readonly apply: readonly BlockRef[]
  /** Of those that are undone: whose frames nobody needs. */
  readonly dropped: readonly BlockHash[]
  /** What was served when it began, and at which position of the feed that was decided. */
  readonly from: Heads
  readonly decidedAt: number
}

export type SwitchStep = { readonly kind: 'undo' | 'apply'; readonly block: BlockRef }

/** Beside the chain; shorter than any other key there. */
const PLAN_KEY = utf8('switch')

interface PlanReader {
  readonly catchingUpTo: number | undefined
  side(key: Uint8Array): Uint8Array | undefined
}
interface PlanWriter {
  putSide(key: Uint8Array, bytes: Uint8Array): void
  removeSide(key: Uint8Array): void
  setCatchingUpTo(number: number | undefined): void
}

/** The plan that a snapshot is in the middle of. */
export function planIn(snapshot: PlanReader): SwitchPlan | undefined {
  // Read by every commit's first reader: mostly there is none.
  if (snapshot.catchingUpTo === undefined) return undefined
  const bytes = snapshot.side(PLAN_KEY)
  return bytes && (JSON.parse(fromUtf8(bytes)) as SwitchPlan)
}
export function putPlan(writer: PlanWriter, plan: SwitchPlan): void {
  writer.putSide(PLAN_KEY, utf8(JSON.stringify(plan)))
  writer.setCatchingUpTo(plan.apply.at(-1)?.number ?? branchesAt(plan))
}
export function removePlan(writer: PlanWriter): void {
  writer.removeSide(PLAN_KEY)
  writer.setCatchingUpTo(undefined)
}

/** The number of the block that stays and is built upon. */
export function branchesAt({ undo, apply }: Pick<SwitchPlan, 'undo' | 'apply'>): number {
  const lowest = undo.at(-1) ?? apply[0]
  assert(lowest !== undefined, 'a switch undoes or applies something')
  return lowest.number - 1
}

/** What comes next where the store stands at `head`; undefined where the switch is made. */
export function nextStep(plan: Pick<SwitchPlan, 'undo' | 'apply'>, head: BlockRef): SwitchStep | undefined {
  const undone = plan.undo.find((block) => sameBlock(block, head))
  if (undone !== undefined) return { kind: 'undo', block: undone }
  const applied = plan.apply.findIndex((block) => sameBlock(block, head))
  const block = plan.apply[applied + 1]
  if (block === undefined) return undefined
  assert(block.number === head.number + 1, 'a switch goes on from where the store stands')
  return { kind: 'apply', block }
}
