/**
 * Who publishes a block first (architecture §4, "Publishing once"): counted in the feed alone, so masters that have read the same records
 * agree, and where one has read further than another both may publish; the feed's readers count the first.
 */
import type { FeedState, ProducerState } from './machine-state.ts'
import { GONE_AFTER_BEATS, isGone } from './judging.ts'

/** The leader first, if not gone; then the masters that are not silent, `serving` before others, by id. `self` is never silent to itself. */
export function ranking(state: FeedState, self: string): string[] {
  const leader = isGone(state) ? undefined : state.leader
  const others = [...state.producers]
    .filter(([id, producer]) => id !== leader && (id === self || !isSilent(state, id, producer)))
    .toSorted(([a, { phase: phaseOfA }], [b, { phase: phaseOfB }]) => {
      const byPhase = Number(phaseOfB === 'serving') - Number(phaseOfA === 'serving')
      return byPhase !== 0 ? byPhase : a < b ? -1 : 1
    })
    .map(([id]) => id)
  return leader === undefined ? others : [leader, ...others]
}

/** Another master has put three beats on the feed since this one's newest record. */
function isSilent({ producers }: FeedState, id: string, { lastPosition }: ProducerState): boolean {
  return [...producers].some(
    ([other, { lastBeats }]) =>
      other !== id && lastBeats.length === GONE_AFTER_BEATS && (lastBeats[0] as number) > lastPosition,
  )
}
