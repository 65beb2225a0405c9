/**
 * The blocks whose frames are whole: the canonical chain as far back as is remembered, and everything beside it above the floor. Answers
 * how two blocks stand to each other; knows nothing of fork choice.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'

/** How far below the highest head side frames are kept: a deeper reorganisation needs a new generation. */
export const KEPT_BLOCKS = 1_024
/** How many canonical blocks are remembered while nothing becomes final: a mark further below the head is not recognised. */
const REMEMBERED_BLOCKS_MAX = 65_536

/** Side frames are above this number. */
export function floorOf(finalizedNumber: number, highest: number): number {
  return Math.max(finalizedNumber, highest - KEPT_BLOCKS)
}

/** The lowest canonical block that is remembered. */
export function rememberedFrom(finalizedNumber: number, highest: number): number {
  return Math.min(highest - KEPT_BLOCKS, Math.max(finalizedNumber, highest - REMEMBERED_BLOCKS_MAX))
}

/** A whole frame beside the chain. */
export interface SideBlock {
  readonly block: BlockRef
  readonly parent: BlockHash
}

export type Path =
  /** `blocks` newest first, all beside the chain; `at` is on it. */
  | { readonly kind: 'joined'; readonly at: BlockRef; readonly blocks: readonly BlockRef[] }
  /** A block on the way is not whole, or not known any more. */
  | { readonly kind: 'broken'; readonly missing: BlockRef }

export class BlockTree {
  /** Number → hash of the canonical chain, ascending, without gaps up to the head. */
  readonly #canonical = new Map<number, BlockHash>()
  readonly #side = new Map<BlockHash, SideBlock>()

  /** @param canonical ascending, without gaps, its last the head; older ones than are remembered are forgotten at the first prune */
  constructor(canonical: readonly BlockRef[], side: readonly SideBlock[]) {
    for (const { number, hash } of canonical) this.#canonical.set(number, hash)
    for (const block of side) this.#side.set(block.block.hash, block)
  }

  isCanonical({ number, hash }: BlockRef): boolean {
    return this.#canonical.get(number) === hash
  }
  isWhole(block: BlockRef): boolean {
    return this.#side.has(block.hash) || this.isCanonical(block)
  }
  /** What is remembered of the chain, ascending, the head last. */
  canonical(): BlockRef[] {
    return [...this.#canonical].map(([number, hash]) => ({ number, hash }))
  }
  side(): readonly SideBlock[] {
    return [...this.#side.values()]
  }
  add(block: SideBlock): void {
    this.#side.set(block.block.hash, block)
  }

  /** From a block down to the canonical chain. */
  pathDown(block: BlockRef): Path {
    const blocks: BlockRef[] = []
    let at = block
    while (!this.isCanonical(at)) {
      const side = this.#side.get(at.hash)
      if (side === undefined || side.block.number !== at.number) return { kind: 'broken', missing: at }
      blocks.push(at)
      at = { number: at.number - 1, hash: side.parent }
    }
    return { kind: 'joined', at, blocks }
  }

  /** Makes `blocks` (newest first) canonical above `join`; returns the undone ones, newest first, which now stand beside the chain. */
  switchTo(join: BlockRef, head: BlockRef, blocks: readonly BlockRef[]): BlockRef[] {
    const undone: BlockRef[] = []
    for (let number = head.number; number > join.number; number--) {
      const hash = this.#canonical.get(number)
      const parent = this.#canonical.get(number - 1)
      assert(hash !== undefined && parent !== undefined, 'what is undone is remembered with its parent')
      undone.push({ number, hash })
      this.#side.set(hash, { block: { number, hash }, parent })
      this.#canonical.delete(number)
    }
    for (const { number, hash } of blocks.toReversed()) {
      this.#side.delete(hash)
      this.#canonical.set(number, hash)
    }
    return undone
  }

  /** Forgets what can no longer matter; returns the side blocks dropped. */
  prune(finalizedNumber: number, highest: number): BlockRef[] {
    const floor = floorOf(finalizedNumber, highest)
    const dropped = [...this.#side.values()]
      .filter(({ block }) => block.number <= floor)
      .map(({ block }) => block)
    for (const { hash } of dropped) this.#side.delete(hash)
    const from = rememberedFrom(finalizedNumber, highest)
    for (const number of this.#canonical.keys()) {
      if (number >= from) break
      this.#canonical.delete(number)
    }
    return dropped
  }
}
