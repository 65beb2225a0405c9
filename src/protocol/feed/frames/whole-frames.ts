/**
 * Which frames are whole on the feed with which delta, as somebody who publishes must know it: every delta of a block, not only the first
 * that counts, because a master that derived another one puts its own beside it. Between a feed's records and the question "must I
 * publish this?"; it remembers the newest blocks one by one, and of older ones only that they are settled.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import type { Hex } from '#kernel/bytes.ts'
import type { FeedRecord, FramePart } from './records.ts'

/** Blocks below the cluster's head that are remembered one by one; what is older is settled: canonical there, or out of the question. */
const REMEMBERED_BLOCKS = 1_024

/** A producer's newest life. */
export interface Life {
  readonly epoch: number
  readonly incarnation: bigint
  /** Of its newest record. */
  sequence: number
  unfinished: { readonly digest: Hex; readonly parts: number } | undefined
}

/** All that it remembers, as plain data. */
export interface WholeFramesState {
  readonly lives: readonly (readonly [string, Readonly<Life>])[]
  readonly whole: readonly {
    readonly hash: BlockHash
    readonly number: number
    readonly deltas: readonly Hex[]
  }[]
  readonly settledNumber: number
}

export class WholeFrames {
  readonly #lives = new Map<string, Life>()
  readonly #whole = new Map<BlockHash, { readonly number: number; readonly deltas: Set<Hex> }>()
  #settledNumber = 0

  /** @param state where an earlier one had read to; at the beginning of a feed nothing */
  constructor(state?: WholeFramesState) {
    for (const [producer, life] of state?.lives ?? []) this.#lives.set(producer, { ...life })
    for (const { hash, number, deltas } of state?.whole ?? [])
      this.#whole.set(hash, { number, deltas: new Set(deltas) })
    this.#settledNumber = state?.settledNumber ?? 0
  }

  state(): WholeFramesState {
    return {
      lives: [...this.#lives].map(([producer, life]) => [producer, { ...life }]),
      whole: [...this.#whole].map(([hash, { number, deltas }]) => ({ hash, number, deltas: [...deltas] })),
      settledNumber: this.#settledNumber,
    }
  }

  /** Takes a record; false where it is of an older life or of a twin, and says nothing. */
  take(record: FeedRecord): boolean {
    const life = this.#lifeOf(record)
    if (life === undefined) return false
    const { body } = record
    if (body.kind === 'framePart' && completes(life, body)) this.#add(body)
    return true
  }
  /** What the cluster's fork choice says now of its head and finality. */
  judged(heads: { readonly head: BlockRef; readonly finalized: BlockRef }): void {
    this.#settledNumber = Math.max(heads.finalized.number, heads.head.number - REMEMBERED_BLOCKS)
    // Now and then, not at each record: a walk over all that is remembered.
    if (this.#whole.size <= 2 * REMEMBERED_BLOCKS) return
    for (const [hash, { number }] of this.#whole) if (number < this.#settledNumber) this.#whole.delete(hash)
  }

  /** The block with this delta is not whole on the feed, and would still count if it were. */
  needs({ number, hash }: BlockRef, deltaHash: Hex): boolean {
    return number > this.#settledNumber && this.#whole.get(hash)?.deltas.has(deltaHash) !== true
  }
  has(hash: BlockHash): boolean {
    return this.#whole.has(hash)
  }
  /** Up to here every canonical block is whole. */
  settledNumber(): number {
    return this.#settledNumber
  }
  life(producer: string): Readonly<Life> | undefined {
    return this.#lives.get(producer)
  }

  #lifeOf({ producer, epoch, incarnation, sequence }: FeedRecord): Life | undefined {
    const known = this.#lives.get(producer)
    if (known === undefined || epoch > known.epoch) {
      const fresh: Life = { epoch, incarnation, sequence, unfinished: undefined }
      this.#lives.set(producer, fresh)
      return fresh
    }
    if (epoch < known.epoch || incarnation !== known.incarnation) return undefined
    known.sequence = sequence
    return known
  }
  #add({ block, deltaHash }: FramePart): void {
    const known = this.#whole.get(block.hash)
    if (known === undefined)
      this.#whole.set(block.hash, { number: block.number, deltas: new Set([deltaHash]) })
    else known.deltas.add(deltaHash)
  }
}

/** True where this part completes its frame. Parts come in order; anything else begins anew. */
function completes(life: Life, part: FramePart): boolean {
  const { unfinished } = life
  const continues = unfinished?.digest === part.frameDigest && unfinished.parts === part.index
  life.unfinished =
    continues || part.index === 0 ? { digest: part.frameDigest, parts: part.index + 1 } : undefined
  return life.unfinished?.parts === part.count
}
