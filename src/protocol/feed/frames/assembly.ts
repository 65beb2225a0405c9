/** Assembly: parts of one producer become a whole frame; at most one unfinished frame a producer, and the first whole one of a block counts. */
import { sameBlock } from '#chain/block/block-ref.ts'
import { disputed, firstWord } from '#protocol/feed/disputes.ts'
import type { FeedEffect, WholeFrame } from '#protocol/feed/effects.ts'
import type { FeedState, ProducerState } from '#protocol/feed/machine-state.ts'
import type { FramePart } from './records.ts'
import { type BlockTree, floorOf } from '#protocol/feed/tree.ts'

/** What a part does. A `frameWhole` among the effects has been added to the tree. */
export function takePart(
  state: FeedState,
  tree: BlockTree,
  id: string,
  producer: ProducerState,
  part: FramePart,
): FeedEffect[] {
  const effects: FeedEffect[] = []
  if (!continues(producer, part)) {
    effects.push(...dropUnfinished(id, producer))
    // Its beginning is not here, or its block has its frame or needs none: ignored, all parts of it.
    if (part.index !== 0) return effects
    effects.push(...disputed(state, id, part))
    if (!isWanted(state, tree, part)) return effects
    const { kind: _kind, index: _index, bytes: _bytes, ...frame } = part
    producer.unfinished = { ...frame, received: 0 }
  }
  const frame = producer.unfinished as NonNullable<ProducerState['unfinished']>
  frame.received++
  effects.push({ kind: 'partKept', producer: id, index: part.index })
  if (frame.received === frame.count) effects.push(...complete(state, tree, id, producer, frame))
  return effects
}

export function dropUnfinished(id: string, producer: ProducerState): FeedEffect[] {
  if (producer.unfinished === undefined) return []
  producer.unfinished = undefined
  return [{ kind: 'partsDropped', producer: id }]
}

function continues({ unfinished }: ProducerState, part: FramePart): boolean {
  return (
    unfinished !== undefined &&
    unfinished.frameDigest === part.frameDigest &&
    unfinished.count === part.count &&
    unfinished.received === part.index &&
    sameBlock(unfinished.block, part.block)
  )
}

function isWanted(state: FeedState, tree: BlockTree, { block }: { block: WholeFrame['block'] }): boolean {
  return block.number > floorOf(state.finalized.number, state.highest) && !tree.isWhole(block)
}

function complete(
  state: FeedState,
  tree: BlockTree,
  id: string,
  producer: ProducerState,
  named: NonNullable<ProducerState['unfinished']>,
): FeedEffect[] {
  // Another's may have become whole, or finality have passed, since its first part.
  if (!isWanted(state, tree, named)) return dropUnfinished(id, producer)
  producer.unfinished = undefined
  const { received: _received, count: _count, ...rest } = named
  const frame: WholeFrame = { ...rest, producer: id }
  tree.add({ block: frame.block, parent: frame.parent })
  firstWord(state, frame)
  return [{ kind: 'frameWhole', frame }]
}
