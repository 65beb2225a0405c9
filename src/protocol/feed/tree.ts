/**
 * The blocks whose frames are whole: the canonical chain as far back as is remembered, and everything beside it above the floor. Answers
 * how two blocks stand to each other; knows nothing of fork choice.
 */
import type { BlockHash, BlockRef } from '#chain/block-ref.ts'
import { assert } from '#kernel/assert.ts'

/** How far below the highest head canonical blocks are remembered and side frames kept. */
export const KEPT_BLOCKS = 1_024

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

  /** @param canonical ascending, without gaps, its last the head */
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
    const floor = Math.max(finalizedNumber, highest - KEPT_BLOCKS)
    const dropped = [...this.#side.values()]
      .filter(({ block }) => block.number <= floor)
      .map(({ block }) => block)
    for (const { hash } of dropped) this.#side.delete(hash)
    for (const number of this.#canonical.keys()) {
      if (number >= highest - KEPT_BLOCKS) break
      this.#canonical.delete(number)
    }
    return dropped
  }
}
