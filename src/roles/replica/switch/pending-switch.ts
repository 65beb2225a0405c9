/**
 * What is decided and not in the store yet: any number of the cluster's decisions as one switch from the store's head. A block that a later
 * decision undoes before it was ever applied is neither applied nor undone.
 */
import { type BlockHash, type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import type { SwitchPlan } from './switch-plan.ts'

type Blocks = Pick<SwitchPlan, 'undo' | 'apply' | 'dropped'>

export class PendingSwitch {
  /** Newest first. */
  readonly undo: BlockRef[] = []
  /** Oldest first. */
  readonly apply: BlockRef[] = []
  /** Frames beside the chain that can go once the switch is made. */
  readonly dropped = new Set<BlockHash>()

  /** What was left when its replica was stopped. */
  static of(plan: Blocks): PendingSwitch {
    const pending = new PendingSwitch()
    pending.undo.push(...plan.undo)
    pending.apply.push(...plan.apply)
    for (const hash of plan.dropped) pending.dropped.add(hash)
    return pending
  }

  move(undo: readonly BlockRef[], apply: readonly BlockRef[]): void {
    for (const block of undo) {
      const last = this.apply.at(-1)
      if (last === undefined) this.undo.push(block)
      else {
        assert(sameBlock(last, block), 'what is undone is the head')
        this.apply.pop()
      }
    }
    for (const block of apply) {
      const back = this.apply.length === 0 ? this.undo.at(-1) : undefined
      if (back !== undefined && sameBlock(back, block)) this.undo.pop()
      else this.apply.push(block)
    }
  }
  drop(blocks: readonly BlockRef[]): void {
    for (const { hash } of blocks) this.dropped.add(hash)
  }

  isEmpty(): boolean {
    return this.undo.length === 0 && this.apply.length === 0
  }
  /** As it is now. */
  blocks(): Blocks {
    return { undo: this.undo, apply: this.apply, dropped: [...this.dropped] }
  }
  /** Blocks whose frames the switch itself does not need. */
  goneBefore(): Set<BlockHash> {
    const gone = new Set(this.dropped)
    for (const { hash } of this.apply) gone.delete(hash)
    return gone
  }
  /** Blocks whose frames have no place beside the chain after the switch. */
  gone(): Set<BlockHash> {
    return new Set([...this.apply.map(({ hash }) => hash), ...this.dropped])
  }
}
