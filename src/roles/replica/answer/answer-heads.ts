/** The heads that a snapshot may be served at: those of its commit, or, with `verified`, nothing above the verified block.
 * In the middle of a switch they are those before it: nothing is served then, but what is told of a position does not change. */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { HeadContext } from '#rpc/answer.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { decodeFeedState } from '#roles/replica/apply/feed-state.ts'
import { planIn } from '#roles/replica/switch/switch-plan.ts'

export function createServedHeads(serve: 'eager' | 'verified'): (snapshot: Snapshot) => HeadContext {
  // The position lies before the machine's whole state: read once for each commit, not for each request.
  let last: { readonly sequence: number; readonly heads: HeadContext } | undefined
  return (snapshot) => {
    const { sequence } = snapshot
    if (last?.sequence !== sequence) last = { sequence, heads: servedHeads(snapshot, serve) }
    return last.heads
  }
}

function servedHeads(snapshot: Snapshot, serve: 'eager' | 'verified'): HeadContext {
  const plan = planIn(snapshot)
  const { head, safe, finalized, verified } = plan?.from ?? snapshot.heads
  const state = snapshot.machine()
  const position = plan?.decidedAt ?? (state === undefined ? 0 : decodeFeedState(state).decidedAt)
  const top = serve === 'verified' && verified.number < head.number ? verified : head
  const below = (mark: BlockRef): BlockRef => (mark.number > top.number ? top : mark)
  return { position, head: top, safe: below(safe), finalized: below(finalized) }
}
