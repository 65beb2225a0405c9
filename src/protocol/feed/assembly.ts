/** Assembly: parts of one producer become a whole frame; at most one unfinished frame a producer. */
import { sameBlock } from '#chain/block-ref.ts'
import type { FeedEffect, WholeFrame } from './effects.ts'
import type { FeedState, ProducerState } from './machine-state.ts'
import type { FramePart } from './records.ts'
import { type BlockTree, KEPT_BLOCKS } from './tree.ts'

/** What a part does. A `frameWhole` among the effects has been added to the tree. */
export function takePart(
  state: FeedState,
  tree: BlockTree,
  id: string,
  producer: ProducerState,
  part: FramePart,
): FeedEffect[] {
  const effects: FeedEffect[] = []
  const { unfinished } = producer
  const continues =
    unfinished !== undefined &&
    unfinished.frameDigest === part.frameDigest &&
    unfinished.received === part.index &&
    sameBlock(unfinished.block, part.block)
  if (!continues) {
    effects.push(...dropUnfinished(id, producer))
    if (part.index !== 0) return effects // the beginning is not here: ignored until a first part comes
    const { kind: _kind, index: _index, bytes: _bytes, ...frame } = part
    producer.unfinished = { ...frame, received: 0 }
  }
  const frame = producer.unfinished as NonNullable<ProducerState['unfinished']>
  frame.received++
  effects.push({ kind: 'partKept', producer: id, index: part.index })
  if (frame.received === frame.count) effects.push(...complete(state, tree, id, producer, part))
  return effects
}

export function dropUnfinished(id: string, producer: ProducerState): FeedEffect[] {
  if (producer.unfinished === undefined) return []
  producer.unfinished = undefined
  return [{ kind: 'partsDropped', producer: id }]
}

function complete(
  state: FeedState,
  tree: BlockTree,
  id: string,
  producer: ProducerState,
  part: FramePart,
): FeedEffect[] {
  const { block, parent, frameDigest, deltaHash, level } = part
  const tooOld = block.number <= Math.max(state.finalized.number, state.highest - KEPT_BLOCKS)
  // Of several whole frames of one block the first is that block's.
  if (tooOld || tree.isWhole(block)) return dropUnfinished(id, producer)
  producer.unfinished = undefined
  const frame: WholeFrame = { block, parent, producer: id, frameDigest, deltaHash, level }
  tree.add({ block, parent })
  return [{ kind: 'frameWhole', frame }]
}
