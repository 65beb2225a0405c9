/**
 * Judging (architecture §4): what a producer's newest head event does to the cluster's head. A pure function of the state that the feed's
 * order gave, so that every reader decides the same. Numbers refer to the rules there.
 */
import { type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import type { Alarm, FeedEffect } from './effects.ts'
import type { FeedState, KeptEvent, ProducerState } from './machine-state.ts'
import { type BlockTree, floorOf, KEPT_BLOCKS, type Path } from './tree.ts'

/** Beats of one other master, since the leader's last record, after which the leader is gone: counted, so that no clock decides. */
export const GONE_AFTER_BEATS = 3
/** Rule 4d: this far above the highest head ever, a branch wins whoever names it. */
const CLEARLY_AHEAD = 2

/** Undefined while the event's head is not whole down to the canonical chain: it stays parked. */
export function judge(
  state: FeedState,
  tree: BlockTree,
  id: string,
  event: KeptEvent,
): FeedEffect[] | undefined {
  const path = tree.pathDown(event.head)
  if (path.kind === 'broken') {
    if (path.missing.number > floorOf(state.finalized.number, state.highest)) return undefined
    return alarm(
      isBelowFinal(state, path.missing)
        ? conflict(state, id, event)
        : { code: 'ancestorNotKept', producer: id, head: event.head },
    )
  }
  if (path.at.number < state.finalized.number && path.blocks.length > 0)
    return alarm(conflict(state, id, event)) // 1
  const effects: FeedEffect[] = []
  if (path.blocks.length > 0 && wins(state, tree, id, event, path))
    effects.push(move(state, tree, id, event, path))
  effects.push(...marks(state, tree, event)) // 2: no move, but marks may
  return effects
}

/** Nobody leads, or the leader does not say that it serves, or another master has been heard three times since the leader was. */
export function isGone({ leader: id, producers }: FeedState): boolean {
  const leader = id === undefined ? undefined : producers.get(id)
  if (leader?.phase !== 'serving') return true
  return [...producers.values()].some(
    ({ lastBeats: [thirdLast], lastBeats }) =>
      lastBeats.length === GONE_AFTER_BEATS && (thirdLast as number) > leader.lastPosition,
  )
}

function isBelowFinal(state: FeedState, missing: BlockRef): boolean {
  return missing.number <= state.finalized.number && missing.number > state.highest - KEPT_BLOCKS
}

function conflict({ finalized }: FeedState, producer: string, { head }: KeptEvent): Alarm {
  return { code: 'conflictsWithFinalized', producer, head, finalized }
}

function alarm(what: Alarm): FeedEffect[] {
  return [{ kind: 'alarm', alarm: what }]
}

type Joined = Extract<Path, { kind: 'joined' }>

function wins(state: FeedState, tree: BlockTree, id: string, event: KeptEvent, path: Joined): boolean {
  const { head } = event
  if (sameBlock(path.at, state.head)) return true // 3
  return (
    finalizesAnother(state, tree, event, path) || // 4a
    id === state.leader || // 4b
    (head.number > state.head.number && isGone(state)) || // 4c
    head.number >= state.highest + CLEARLY_AHEAD // 4d
  )
}

/** 4a: the event's finalized is above F, not on H's chain, and X descends from it. */
function finalizesAnother(
  state: FeedState,
  tree: BlockTree,
  { finalized }: KeptEvent,
  path: Joined,
): boolean {
  if (finalized === undefined || finalized.number <= state.finalized.number || tree.isCanonical(finalized))
    return false
  return path.blocks.some((block) => sameBlock(block, finalized))
}

function move(state: FeedState, tree: BlockTree, id: string, event: KeptEvent, path: Joined): FeedEffect {
  const from = state.head
  const undo = tree.switchTo(path.at, from, path.blocks)
  state.head = event.head
  state.highest = Math.max(state.highest, event.head.number)
  state.leader = id
  return {
    kind: 'headMoved',
    from,
    to: event.head,
    by: id,
    undo,
    apply: path.blocks.toReversed(),
  }
}

function marks(state: FeedState, tree: BlockTree, event: KeptEvent): FeedEffect[] {
  const { safe, finalized } = state
  const onChain = (ref: BlockRef | undefined): ref is BlockRef =>
    ref !== undefined && tree.isCanonical(ref) && ref.number <= state.head.number
  if (onChain(event.finalized) && event.finalized.number > state.finalized.number)
    state.finalized = event.finalized
  if (!tree.isCanonical(state.safe)) state.safe = onChain(event.safe) ? event.safe : state.finalized
  // Only up: a client that was restarted may name a lower one, and who was told of the higher would see it taken back (P3).
  else if (onChain(event.safe) && event.safe.number > state.safe.number) state.safe = event.safe
  if (state.safe.number < state.finalized.number) state.safe = state.finalized
  if (sameBlock(safe, state.safe) && sameBlock(finalized, state.finalized)) return []
  return [{ kind: 'marksMoved', safe: state.safe, finalized: state.finalized }]
}

/** Producers whose newest event waits to be judged for the first time, in the order of their events. */
export function parked(state: FeedState): [string, NonNullable<ProducerState['event']>][] {
  return [...state.producers]
    .flatMap(([id, { event }]): [string, NonNullable<ProducerState['event']>][] =>
      event && !event.judged ? [[id, event]] : [],
    )
    .toSorted(([, a], [, b]) => a.position - b.position)
}
