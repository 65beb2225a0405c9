/**
 * Masters that contradict each other: what a producer says of a block is compared with the block's first whole frame. Two honest masters,
 * whatever their clients and sources, derive one delta. Nothing is decided by it here: it is seen and told.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Level } from '#chain/block/frame.ts'
import type { Hex } from '#kernel/bytes.ts'
import type { FeedEffect, WholeFrame } from './effects.ts'
import type { FeedState } from './machine-state.ts'

/** Blocks whose deltas are remembered: masters check within a few blocks of each other. */
const COMPARED_BLOCKS = 32

/** Remembers what the first whole frame of a block said. */
export function firstWord(state: FeedState, { block, producer, deltaHash, level }: WholeFrame): void {
  const word = { hash: block.hash, producer, deltaHash, level }
  state.firstWords = [...state.firstWords.slice(1 - COMPARED_BLOCKS), word]
}

/** An alarm where `producer` says otherwise. */
export function disputed(
  state: FeedState,
  producer: string,
  said: { readonly block: BlockRef; readonly deltaHash: Hex; readonly level: Level },
): FeedEffect[] {
  const first = state.firstWords.find(({ hash }) => hash === said.block.hash)
  if (first === undefined || first.deltaHash === said.deltaHash) return []
  const { block, level } = said
  const against = { against: first.producer, levelAgainst: first.level }
  return [{ kind: 'alarm', alarm: { code: 'dispute', producer, block, level, ...against } }]
}
