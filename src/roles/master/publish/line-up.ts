/**
 * A block is committed before it is published, so after a crash the store may stand above the feed: what is not whole there is undone,
 * and executed and published again as if new. Parents are published before children, so the first block found is enough.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { ExecutorDoor } from '#roles/master/execute/messages.ts'
import type { ReadBack } from './read-back.ts'

export async function lineUp(head: BlockRef, executor: ExecutorDoor, readBack: ReadBack): Promise<BlockRef> {
  let { number } = head
  for (; number > readBack.settledNumber(); number--) {
    const hash = await executor.ask('hashAt', { number })
    if (hash === undefined || readBack.hasWhole(hash)) break
  }
  return number === head.number ? head : executor.ask('undoTo', { number })
}
