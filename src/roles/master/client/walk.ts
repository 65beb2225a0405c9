/**
 * Brings the own store to a block of the execution client. A new head is not a list of blocks: one word may stand for twenty of them,
 * for another branch, or for an ancestor. So parents are walked by hash down to a block of the own chain, what is above is undone, and
 * the branch is executed and handed on parents first. Far behind, hashes come by number in windows; each block is still fetched by its
 * hash and executed only on its parent, so a branch that changes meanwhile is found out by a link that does not hold.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { describeBlock, sameBlock } from '#chain/block/block-ref.ts'
import type { Block } from '#chain/block/frame.ts'
import { Fault } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'
import type { ExecutionClient } from './client.ts'
import { fetchBlock, fetchHeader, fetchRef } from './fetch.ts'
import type { EncodedFrame, ExecutorDoor } from '#roles/master/execute/messages.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'
import { masterLimits } from '#roles/master/limits.ts'

/** Further behind than this, hashes come by number. */
const FAR_BEHIND_BLOCKS = 256
/** Numbers asked for at once then; never the newest, which may still change. */
const WINDOW_BLOCKS = 128
/** The longest branch that is walked by parents: deeper than any horizon of undoing. */
const WALK_BLOCKS_MAX = masterLimits.walkBlocksMax.value
/** Whole blocks fetched ahead of the one that is executed. */
const AHEAD_BLOCKS_MAX = masterLimits.aheadBlocksMax.value
/** Further behind than this, blocks are taken from the feed as far as they are there. */
const FROM_FEED_BLOCKS = 32
/** A head is named at least this often while a long branch is executed. */
const NAMED_EVERY_BLOCKS = 32
/** Blocks remembered as refused, so that each new head on top of one is not executed again. */
const REFUSED_MAX = masterLimits.refusedBlocksMax.value

/** `left`: the client no longer has that branch; its next head tells where it went. */
export type Advance = 'reached' | 'left' | 'refused'

export interface WalkCollaborators {
  readonly client: ExecutionClient
  readonly executor: ExecutorDoor
  readonly log: Logger
  readonly metrics: MasterMetrics
  /** A block was executed, and is to be named as head with it or only passed; resolves when there is room for the next. */
  readonly onFrame: (frame: EncodedFrame, role: 'head' | 'passed') => Promise<void>
  /** Takes blocks above the own head from elsewhere, up to a number; gives the new own head. */
  readonly fromFeed?: (own: BlockRef, upTo: number, signal: AbortSignal) => Promise<BlockRef>
  /** The client's head is a block whose frame was handed on before; resolves when there is room for the next. */
  readonly onHead: (head: BlockRef) => Promise<void>
}

export interface Walk {
  head(): BlockRef
  /** @throws Fault master/foreign-chain, replica/too-deep, and those of ExecutionClient.call */
  advance(target: BlockRef, signal: AbortSignal): Promise<Advance>
}

export function createWalk(start: BlockRef, parts: WalkCollaborators): Walk {
  const { client, executor, log, metrics } = parts
  const refused = new Set<BlockHash>()
  let own = start
  /** Blocks handed on since one was last named, also over branches that were left half way. */
  let unnamed = 0

  const isOwn = async (ref: BlockRef): Promise<boolean> =>
    ref.number <= own.number && (await executor.ask('hashAt', { number: ref.number })) === ref.hash

  /** The blocks from the own chain to `target`, oldest first, and the block of the own chain below them. */
  const byParents = async (target: BlockRef): Promise<Branch | undefined> => {
    const hashes: BlockHash[] = []
    let cursor = target
    while (!(await isOwn(cursor))) {
      if (cursor.number === 0 || hashes.length >= WALK_BLOCKS_MAX) throw foreignChain(target, own)
      const header = await fetchHeader(client, cursor.hash)
      if (header === undefined) return undefined
      hashes.push(cursor.hash)
      cursor = { number: header.number - 1, hash: header.parentHash }
    }
    return { ancestor: cursor, hashes: hashes.reverse() }
  }

  const byNumbers = async (target: BlockRef): Promise<Branch | undefined> => {
    let ancestor = own.number
    while (
      (await fetchRef(client, ancestor))?.hash !== (await executor.ask('hashAt', { number: ancestor }))
    ) {
      if (ancestor === 0 || own.number - ancestor >= WALK_BLOCKS_MAX) throw foreignChain(target, own)
      ancestor--
    }
    const hash = await executor.ask('hashAt', { number: ancestor })
    const numbers = Array.from({ length: WINDOW_BLOCKS }, (_, i) => ancestor + 1 + i)
    const refs = await Promise.all(numbers.map((number) => fetchRef(client, number)))
    const hashes = refs.flatMap((ref) => ref?.hash ?? [])
    if (hash === undefined || hashes.length < refs.length) return undefined
    return { ancestor: { number: ancestor, hash }, hashes }
  }

  const undoTo = async (ancestor: BlockRef): Promise<void> => {
    if (sameBlock(ancestor, own)) return
    log.info('the client left a branch', { from: describeBlock(own), ancestor: describeBlock(ancestor) })
    metrics.reorgs.add(1)
    own = await executor.ask('undoTo', { number: ancestor.number })
  }

  const execute = async (branch: Branch, signal: AbortSignal): Promise<Advance> => {
    if (branch.hashes.some((hash) => refused.has(hash))) return 'refused'
    await undoTo(branch.ancestor)
    const last = branch.hashes.at(-1)
    for await (const block of fetchAhead(client, branch.hashes)) {
      signal.throwIfAborted()
      if (block === undefined || block.header.parentHash !== own.hash) return 'left'
      const outcome = await executor.ask('execute', { block })
      if ('refusal' in outcome) {
        if (refused.size >= REFUSED_MAX) refused.clear()
        refused.add(block.header.hash)
        return 'refused'
      }
      own = outcome.frame.block
      const isNamed = ++unnamed === NAMED_EVERY_BLOCKS || own.hash === last
      if (isNamed) unnamed = 0
      await parts.onFrame(outcome.frame, isNamed ? 'head' : 'passed')
    }
    return 'reached'
  }

  return {
    head: () => own,
    async advance(target, signal) {
      let named = false
      while (!(await isOwn(target))) {
        if (target.number > own.number + FROM_FEED_BLOCKS)
          own = (await parts.fromFeed?.(own, target.number, signal)) ?? own
        if (await isOwn(target)) break
        const far = target.number > own.number + FAR_BEHIND_BLOCKS
        const branch = far ? await byNumbers(target) : await byParents(target)
        const outcome = branch === undefined ? 'left' : await execute(branch, signal)
        if (outcome !== 'reached') return outcome
        named = true
        if (far) log.info('catching up', { head: own.number, target: target.number })
      }
      // Where the target is an ancestor (the client lost its newest blocks), the own state stays; the feed judges the word.
      if (!named) await parts.onHead(target)
      return 'reached'
    },
  }
}

interface Branch {
  readonly ancestor: BlockRef
  readonly hashes: readonly BlockHash[]
}

/** Blocks in order, a few of them fetched while the first is executed. */
async function* fetchAhead(
  client: ExecutionClient,
  hashes: readonly BlockHash[],
): AsyncGenerator<Block | undefined, void, undefined> {
  const fetching: Promise<Block | undefined>[] = []
  let asked = 0
  for (let i = 0; i < hashes.length; i++) {
    for (; asked < hashes.length && asked < i + AHEAD_BLOCKS_MAX; asked++) {
      const fetched = fetchBlock(client, hashes[asked] as BlockHash)
      fetched.catch(() => {}) // seen when its turn comes, or never: the branch was left
      fetching.push(fetched)
    }
    yield await fetching.shift()
  }
}

function foreignChain(target: BlockRef, own: BlockRef): Fault {
  return new Fault(
    'master/foreign-chain',
    `the client's block ${describeBlock(target)} does not meet the own chain at ${describeBlock(own)} within ${WALK_BLOCKS_MAX} blocks`,
    { target: target.hash, own: own.hash },
  )
}
