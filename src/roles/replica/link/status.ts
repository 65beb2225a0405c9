/** What a replica tells its gateways of itself, as often as something changes: above all whether it may be asked. */
import type { HeadContext } from '#rpc/answer.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import type { Board } from '#roles/replica/board.ts'
import type { LinkPortParts } from './port.ts'

export interface LinkStatusParts {
  readonly store: Pick<Store, 'snapshot'>
  readonly board: Board
  readonly served: (snapshot: Snapshot) => HeadContext
}

export function linkStatus({
  store,
  board,
  served,
}: LinkStatusParts): NonNullable<ReturnType<LinkPortParts['status']>> {
  // Before the snapshot: it may then show more than is claimed, never less.
  const applied = board.applied()
  const snapshot = store.snapshot()
  try {
    const cover = board.feedCover()
    const seconds = cover?.seconds
    return {
      phase:
        board.isReady() && !board.isStale() && snapshot.catchingUpTo === undefined ? 'ready' : 'catchingUp',
      applied,
      head: served(snapshot),
      announcedNumber: board.announcedNumber(),
      verifiedNumber: snapshot.heads.verified.number,
      historyFrom: snapshot.historyFrom,
      chainFrom: snapshot.chainFrom,
      feedFirst: cover?.first,
      feedCoverSeconds: seconds === Number.POSITIVE_INFINITY ? undefined : seconds,
    }
  } finally {
    snapshot.release()
  }
}
