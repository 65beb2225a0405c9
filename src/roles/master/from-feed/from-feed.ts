/**
 * A master that is far behind takes blocks from the feed before it asks its client: others have proven them, and to apply what a block did
 * takes a fraction of executing it. What is taken is checked as a strict replica does (digest, links, every root of the header that a frame
 * has the lists for, with a trie the state root), follows the cluster's canonical chain only, and is never published by this master.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { describeBlock } from '#chain/block/block-ref.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'
import { isTransient } from '#roles/master/publish/feed-link.ts'
import type { FeedFrames } from './feed-frames.ts'
import type { FeedIndex } from './feed-index.ts'
import type { ExecutorDoor } from '#roles/master/execute/messages.ts'

/** Positions asked of the index at once. */
const STRETCH_BLOCKS = 256

export interface FromFeedParts {
  readonly index: FeedIndex
  readonly frames: FeedFrames
  readonly executor: ExecutorDoor
  readonly log: Logger
  /** Of the cluster: history below is not kept for what is taken. */
  readonly finalizedNumber: () => number
}

/**
 * Applies the canonical blocks above `own` as far as their frames are there, up to number `upTo`; gives the new own head.
 * Where the feed is lost on the way it stops: the client has the rest.
 */
export async function takeFromFeed(
  own: BlockRef,
  upTo: number,
  { index, frames, executor, log, finalizedNumber }: FromFeedParts,
  signal: AbortSignal,
): Promise<BlockRef> {
  const start = own
  try {
    for (let positions = index.above(own, STRETCH_BLOCKS); positions.length > 0; ) {
      await executor.ask('finalize', { number: finalizedNumber() })
      for (const position of positions) {
        signal.throwIfAborted()
        const frame = await frames.at(position)
        if (frame === undefined || frame.block.number > upTo || frame.parent !== own.hash)
          return told(start, own, log)
        const { why } = await executor.ask('apply', frame)
        if (why !== undefined) {
          const facts = { block: describeBlock(frame.block), why }
          log.error('a frame of the feed failed its checks: the client is asked instead', facts)
          return told(start, own, log)
        }
        own = frame.block
      }
      positions = index.above(own, STRETCH_BLOCKS)
    }
  } catch (thrown) {
    if (signal.aborted || (!isTransient(thrown) && faultCode(thrown) !== 'feed/too-old')) throw thrown
    log.warn('the feed was lost while blocks were taken from it: the client is asked', {
      reason: messageOf(thrown),
    })
  }
  return told(start, own, log)
}

/** Where a starting master stands on another branch than the cluster it goes back to where they part, which it can where it keeps history. */
export async function backToCanonical(
  own: BlockRef,
  { index, executor }: Pick<FromFeedParts, 'index' | 'executor'>,
): Promise<BlockRef> {
  let { number } = own
  for (; number > index.settledTo(); number--) {
    const canonical = index.hashAt(number)
    if (canonical === undefined) return own // above the cluster's head, or nothing is known
    if (canonical === (await executor.ask('hashAt', { number }))) break
  }
  return number === own.number ? own : executor.ask('undoTo', { number })
}

function told(from: BlockRef, to: BlockRef, log: Logger): BlockRef {
  if (to.number > from.number)
    log.info('took blocks from the feed', { from: describeBlock(from), to: describeBlock(to) })
  return to
}
