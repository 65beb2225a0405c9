/**
 * What the applier does when no record waits: takes logs into the index, drops history below the horizon, and moves old history to where
 * readers find it sooner. One small step a transaction, because the next block may come at any moment; and not at once after a switch,
 * because other replicas of the machine want its cores for the same block, and who waited for it asks now.
 */
import type { Clock } from '#ports/clock.ts'
import type { Horizon } from '#ports/options.ts'
import type { Store, StoreWriter } from '#state/store.ts'
import { oldestKept } from './horizon.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const INDEXED_ROWS_MAX = replicaLimits.indexedRowsMax.value
/** Rows of history dropped in one transaction. */
const PRUNED_ROWS_MAX = replicaLimits.prunedRowsMax.value
const WIDENED_ROWS_MAX = replicaLimits.widenedRowsMax.value
const AFTER_SWITCH_MS = replicaLimits.tidyAfterSwitchMs.value
const UNTIDIED_BLOCKS_MAX = replicaLimits.untidiedBlocksMax.value

export class Tidying {
  readonly #horizon: Horizon
  readonly #store: Store
  readonly #clock: Clock
  /** New ones since nothing was left to do, and when the last came. */
  #blocks = 0
  #blocksMs = 0
  /** Nothing is left to do since the last commit of something else. */
  #isDone = false

  constructor(horizon: Horizon, { store, clock }: { readonly store: Store; readonly clock: Clock }) {
    this.#horizon = horizon
    this.#store = store
    this.#clock = clock
  }

  /** Something was written, with so many new blocks. */
  written(blocks: number): void {
    this.#isDone = false
    this.#blocks += blocks
    if (blocks > 0) this.#blocksMs = this.#clock.nowMs()
  }

  /** Milliseconds until a step should be made; beats and marks do not prolong it, nor do blocks that come without a pause. */
  waitMs(): number {
    const isLate = this.#blocks === 0 || this.#blocks >= UNTIDIED_BLOCKS_MAX
    return isLate ? 0 : Math.max(0, this.#blocksMs + AFTER_SWITCH_MS - this.#clock.nowMs())
  }

  /** One step; true while there is more to do. */
  step(commit: (change: (writer: StoreWriter) => void) => void): boolean {
    if (this.#isDone) return false
    const due = this.#due()
    if (due.isAny)
      commit((writer) => {
        const isIndexed = writer.index(INDEXED_ROWS_MAX)
        const isPruned = due.from === undefined || writer.pruneHistory(due.from, PRUNED_ROWS_MAX)
        if (isIndexed && isPruned && writer.isToWiden()) writer.widenHistory(WIDENED_ROWS_MAX)
      })
    this.#isDone = !due.isAny
    if (this.#isDone) this.#blocks = 0
    return due.isAny
  }

  #due(): { readonly isAny: boolean; readonly from?: number } {
    const snapshot = this.#store.snapshot()
    try {
      const from = oldestKept(this.#horizon, snapshot, () => this.#store.historyBytes())
      const isToPrune = from > snapshot.historyFrom
      const isAny = isToPrune || snapshot.indexed < snapshot.heads.head.number || snapshot.isToWiden()
      return isToPrune ? { isAny, from } : { isAny }
    } finally {
      snapshot.release()
    }
  }
}
