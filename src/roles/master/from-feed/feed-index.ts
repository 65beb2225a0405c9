/**
 * Where on the feed the cluster's frames stand: of each canonical block the record that its frame begins with, so that a master can take
 * blocks from there whenever it needs them, without reading the feed again. Blocks that can still be reorganised are known by hash; of
 * settled ones the position alone is kept, eight bytes a block.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import type { FeedEffect } from '#protocol/feed/effects.ts'
import type { FeedRecord } from '#protocol/feed/frames/records.ts'
import { masterLimits } from '#roles/master/limits.ts'

/** Settled blocks are moved together: each time costs a walk over all that are not. */
const SETTLED_TOGETHER = 512
const SETTLED_MAX = masterLimits.indexedBlocksMax.value

interface Near {
  readonly block: BlockRef
  readonly parent: BlockHash
  readonly position: number
}

export interface Heads {
  readonly head: BlockRef
  readonly safe: BlockRef
  readonly finalized: BlockRef
}

/** What it remembers, as plain data; of settled blocks the newest. */
export interface FeedIndexState {
  readonly begins: readonly (readonly [string, number])[]
  readonly near: readonly Near[]
  readonly base: BlockRef | undefined
  readonly head: BlockRef | undefined
  readonly settled: readonly number[]
  readonly settledTo: number
}

export class FeedIndex {
  readonly #begins = new Map<string, number>()
  readonly #near = new Map<BlockHash, Near>()
  #base: BlockRef | undefined
  #head: BlockRef | undefined
  /** Of block `base + 1 + i`; the newest `SETTLED_MAX`. */
  #settled: number[] = []
  #settledTo = 0

  /** @param state where an earlier one had read to; at the beginning of a feed nothing */
  constructor(state?: FeedIndexState) {
    if (state === undefined) return
    for (const [producer, position] of state.begins) this.#begins.set(producer, position)
    for (const near of state.near) this.#near.set(near.block.hash, near)
    this.#base = state.base
    this.#head = state.head
    this.#settled = [...state.settled]
    this.#settledTo = state.settledTo
  }

  /** @param settledMax settled blocks whose places are given */
  state(settledMax: number): FeedIndexState {
    return {
      begins: [...this.#begins],
      near: [...this.#near.values()],
      ...{ base: this.#base, head: this.#head },
      settled: this.#settled.slice(-settledMax),
      settledTo: this.#settledTo,
    }
  }

  /** @param settledNumber up to here nothing is reorganised any more */
  take(
    position: number,
    record: FeedRecord,
    effects: readonly FeedEffect[],
    heads: Heads,
    settledNumber: number,
  ): void {
    const { body, producer } = record
    if (body.kind === 'framePart' && body.index === 0) this.#begins.set(producer, position)
    for (const effect of effects) {
      if (effect.kind === 'adopted') {
        this.#base = effect.generation.base
        this.#settledTo = this.#base.number
      }
      if (effect.kind !== 'frameWhole') continue
      const { block, parent } = effect.frame
      const begins = this.#begins.get(effect.frame.producer)
      assert(begins !== undefined, 'a whole frame began before')
      this.#near.set(block.hash, { block, parent, position: begins })
    }
    this.#head = heads.head
    if (settledNumber - this.#settledTo >= SETTLED_TOGETHER) this.#settle(settledNumber)
  }

  /** The canonical block at this number, where it can still be reorganised; undefined below that and above the head. */
  hashAt(number: number): BlockHash | undefined {
    if (this.#base !== undefined && number === this.#base.number) return this.#base.hash
    return number <= this.#settledTo ? undefined : this.#walk(number).at(-1)?.block.hash
  }

  /** Up to here only positions are known. */
  settledTo(): number {
    return this.#settledTo
  }

  /**
   * Where the frames of the canonical chain above `from` begin, oldest first, up to `count`; empty where `from` is not known to be below the
   * head on that chain. That the first one's parent is `from` is for the reader of the frame to see.
   */
  above(from: BlockRef, count: number): readonly number[] {
    if (this.#base === undefined || from.number >= (this.#head?.number ?? 0)) return []
    const near = this.#walk(Math.max(from.number, this.#settledTo) + 1).reverse()
    if (from.number > this.#settledTo && near[0]?.parent !== from.hash) return []
    const first = this.#settledTo - this.#settled.length + 1
    if (from.number + 1 < first) return []
    const skipped = from.number + 1 - first
    const far = this.#settled.slice(skipped, skipped + count)
    return [...far, ...near.map(({ position }) => position)].slice(0, count)
  }

  /** From the head down to block `number`, newest first; nothing where the chain is not whole down to there. */
  #walk(number: number): Near[] {
    const blocks: Near[] = []
    for (let hash = this.#head?.hash; hash !== undefined; ) {
      const near = this.#near.get(hash)
      if (near === undefined) return []
      blocks.push(near)
      if (near.block.number <= number) return blocks
      hash = near.parent
    }
    return []
  }

  #settle(to: number): void {
    const blocks = this.#walk(this.#settledTo + 1)
      .reverse()
      .filter(({ block }) => block.number <= to)
    // No push of all at once: a chain that is imported settles in one step, more blocks than a call has arguments.
    this.#settled = [...this.#settled, ...blocks.map(({ position }) => position)].slice(-SETTLED_MAX)
    this.#settledTo = blocks.at(-1)?.block.number ?? this.#settledTo
    for (const [hash, { block }] of this.#near) if (block.number <= this.#settledTo) this.#near.delete(hash)
  }
}
