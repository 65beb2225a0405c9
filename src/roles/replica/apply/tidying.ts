/**
 * What the applier does when no record waits: takes logs into the index, drops history below the horizon, and moves old history to where
 * readers find it sooner. One small step a transaction, because the next block may come at any moment.
 */
import type { Horizon } from '#ports/options.ts'
import type { Store, StoreWriter } from '#state/store.ts'
import { oldestKept } from './horizon.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const INDEXED_ROWS_MAX = replicaLimits.indexedRowsMax.value
/** Rows of history dropped in one transaction. */
const PRUNED_ROWS_MAX = replicaLimits.prunedRowsMax.value
const WIDENED_ROWS_MAX = replicaLimits.widenedRowsMax.value

export class Tidying {
  readonly #horizon: Horizon
  readonly #store: Store
  /** Nothing is left to do since the last commit of something else. */
  #isDone = false

  constructor(horizon: Horizon, store: Store) {
    this.#horizon = horizon
    this.#store = store
  }

  /** Something was written. */
  written(): void {
    this.#isDone = false
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
