/**
 * Blocks that were reorganised away, asked for by their hash: their frames stand in the store's side table, where the switch left them. A
 * call about one is run in a view of its branch: the chain below the place where it leaves, and the branch's own blocks above.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { fromHex } from '#kernel/bytes.ts'
import { branchSnapshot } from '#state/branch-snapshot.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { decodeFrame } from '#wire/frame.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import type { ResultCache } from '#roles/replica/answer/result-cache.ts'

const BLOCKS_MAX = replicaLimits.branchBlocksMax.value

export interface Branch {
  readonly snapshot: Snapshot
  readonly head: BlockRef
}

/**
 * The branch that ends in this block. Undefined where it is not kept, or not below the head that is served: a block that is on its way is
 * not served before its time.
 */
export function branchTo(hash: BlockHash, served: BlockRef, reads: Reads): Branch | undefined {
  const frames = framesTo(hash, served.number, reads)
  const last = frames?.at(-1)
  if (frames === undefined || last === undefined) return undefined
  return { snapshot: branchSnapshot(reads.snapshot, frames), head: refOf(last.block.header) }
}

interface Reads {
  readonly snapshot: Snapshot
  readonly cache: ResultCache
}

/** In memory, of what a frame takes packed. */
const UNPACKED_FACTOR = 4

/** Parents first, from the block whose parent is on the chain. */
function framesTo(
  hash: BlockHash,
  headNumber: number,
  { snapshot, cache }: Reads,
): readonly Frame[] | undefined {
  const frames: Frame[] = []
  for (let at = hash; frames.length < BLOCKS_MAX; ) {
    const bytes = snapshot.side(fromHex(at))
    if (bytes === undefined) return undefined
    const kept = cache.get(`frame ${at}`, () => ({
      frame: decodeFrame(bytes, snapshot.compress, 'covered'),
      heldBytes: UNPACKED_FACTOR * bytes.length,
    }))
    const frame = kept?.frame as Frame
    const { number, parentHash } = frame.block.header
    if (number > headNumber) return undefined
    frames.push(frame)
    if (snapshot.numberOf(parentHash) === number - 1) return frames.reverse()
    at = parentHash
  }
  return undefined
}
