/**
 * The view of one head for a call that may run longer than a snapshot of the store may live: the snapshot below it is bound anew from time to
 * time. Where the store has left the head by then, the run ends.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { StateView } from '#chain/state-view.ts'
import type { Clock } from '#ports/clock.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { HeadGone, holds } from '#roles/replica/answer/answer-context.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const SNAPSHOT_MS_MAX = replicaLimits.snapshotTimeMaxMs.value

export interface RenewedSnapshot {
  readonly snapshot: Snapshot
  /** To be called often while the call runs, never within a read. @throws HeadGone */
  renewIfOld(): void
  release(): void
}

/** @throws HeadGone */
export function bindRenewed(store: Pick<Store, 'snapshot'>, head: BlockRef, clock: Clock): RenewedSnapshot {
  const views: { readonly number: number; view: StateView }[] = []
  let current = bind(store, head)
  let untilMs = clock.nowMs() + SNAPSHOT_MS_MAX

  const stateAt = (number: number): StateView => {
    const one = { number, view: current.stateAt(number) }
    views.push(one)
    return {
      account: (address, out) => one.view.account(address, out),
      slot: (address, slot, out) => one.view.slot(address, slot, out),
      code: (hash) => one.view.code(hash),
      blockHash: (at, out) => one.view.blockHash(at, out),
    }
  }
  return {
    snapshot: {
      ...current,
      stateAt,
      header: (number) => current.header(number),
      hashAt: (number) => current.hashAt(number),
      numberOf: (hash) => current.numberOf(hash),
    },
    renewIfOld() {
      if (clock.nowMs() < untilMs) return
      const young = bind(store, head)
      current.release()
      current = young
      untilMs = clock.nowMs() + SNAPSHOT_MS_MAX
      for (const one of views) {
        if (one.number < young.historyFrom) throw new HeadGone(head)
        one.view = young.stateAt(one.number)
      }
    },
    release: () => current.release(),
  }
}

function bind(store: Pick<Store, 'snapshot'>, head: BlockRef): Snapshot {
  const snapshot = store.snapshot()
  if (holds(snapshot, head)) return snapshot
  snapshot.release()
  throw new HeadGone(head)
}
