/**
 * Blocks that were reorganised away, asked for by their hash: their frames stand in the store's side table, where the switch left them. A
 * call about one is run in a view of its branch: the chain below the place where it leaves, and the branch's own blocks above.
 */
import type { BlockHash, BlockRef } from '#chain/block-ref.ts'
import { type Frame, refOf } from '#chain/frame.ts'
import { fromHex } from '#kernel/bytes.ts'
import { branchSnapshot } from '#state/branch-snapshot.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { decodeFrame } from '#wire/frame.ts'
import { replicaLimits } from './limits.ts'

const BLOCKS_MAX = replicaLimits.branchBlocksMax.value

export interface Branch {
  readonly snapshot: Snapshot
  readonly head: BlockRef
}

/**
 * The branch that ends in this block. Undefined where it is not kept, or not below the head that is served: a block that is on its way is
 * not served before its time.
 */
export function branchTo(hash: BlockHash, snapshot: Snapshot, served: BlockRef): Branch | undefined {
  const frames = framesTo(hash, snapshot, served.number)
  const last = frames?.at(-1)
  if (frames === undefined || last === undefined) return undefined
  return { snapshot: branchSnapshot(snapshot, frames), head: refOf(last.block.header) }
}

/** Parents first, from the block whose parent is on the chain. */
function framesTo(hash: BlockHash, snapshot: Snapshot, headNumber: number): readonly Frame[] | undefined {
  const frames: Frame[] = []
  for (let at = hash; frames.length < BLOCKS_MAX; ) {
    const bytes = snapshot.side(fromHex(at))
    if (bytes === undefined) return undefined
    const frame = decodeFrame(bytes, snapshot.compress, 'covered')
    const { number, parentHash } = frame.block.header
    if (number > headNumber) return undefined
    frames.push(frame)
    if (snapshot.numberOf(parentHash) === number - 1) return frames.reverse()
    at = parentHash
  }
  return undefined
}
