/**
 * Publishing once (architecture §4): what one master has to say on the feed, in order, and when it may. Every master proves every block;
 * rank 0 publishes at once, rank r after r graces, and nobody what was read back whole with the own delta. Nothing else suppresses a
 * frame, so a master that dies half way orphans no block. Parents stand before children and a head behind its frame, so the order of the
 * queue is the order on the feed. Time, rank and what is whole come in as arguments; README.md has the rules on one page.
 */
import { type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import type { Level } from '#chain/block/frame.ts'
import { assert } from '#kernel/assert.ts'
import type { Hex } from '#kernel/bytes.ts'
import type { Checked, HeadEvent } from './frames/records.ts'

/** Proven frames not yet on the feed; at this many the master stops proving. */
export const FRAMES_MAX = 64
/** Frames and head events together. */
const ITEMS_MAX = 2 * FRAMES_MAX
/** Bytes of frames in one append, at least one frame. */
export const APPEND_BYTES_MAX = 8 * 1024 * 1024
/** Appended frames remembered until they are read back; one that is forgotten may be said twice. */
const ANSWERED_MAX = 1_024
/** Longer than anything goes by without a beat to say: the process stood still meanwhile, and what it knows of the feed is that old. */
export const ASLEEP_MS = 1_500

type Named = Pick<Proven, 'block' | 'deltaHash'>

/** A proven frame, ready for the feed. */
export interface Proven {
  readonly block: BlockRef
  readonly deltaHash: Hex
  readonly level: Level
  readonly bytes: Uint8Array
}

export type Item<F extends Proven> =
  | { readonly kind: 'frame'; readonly frame: F; readonly provenMs: number }
  | { readonly kind: 'head'; readonly event: HeadEvent }

/** How this master stands at the moment of a decision. */
export interface Standing {
  readonly nowMs: number
  /** Among those that publish; undefined while the feed has no record of this master: nobody can know it yet. */
  readonly rank: number | undefined
  readonly graceMs: number
  /** When the present line to the feed was opened: before, nobody could publish, so that time is no grace. */
  readonly openSinceMs: number
  /** As {@link WholeFrames.needs}. */
  readonly needs: (block: BlockRef, deltaHash: Hex) => boolean
}

export type Next<F extends Proven> =
  | { readonly kind: 'nothing' }
  /** A frame waits for its time, or (for ever) for something to be read back. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** Read the feed to its end, say so with `looked`, and ask again: the grace is over, and what is still not there is ours to publish. */
  | { readonly kind: 'look' }
  /** In one append and in this order; then `appended` or `lost`. */
  | { readonly kind: 'append'; readonly items: readonly Item<F>[] }

export class Publishing<F extends Proven> {
  #items: Item<F>[] = []
  /** How many of the first items are being appended. */
  #appending = 0
  /** Appended, and not read back yet. */
  #answered: Named[] = []
  #checked: Checked[] = []
  #named: BlockRef | undefined
  #safe: BlockRef | undefined
  #finalized: BlockRef | undefined
  #lookedMs = Number.NEGATIVE_INFINITY
  /** When it was last asked what is to be done, and when that was found to be long ago. */
  #askedMs: number | undefined
  #wokeMs = Number.NEGATIVE_INFINITY

  /** A block was proven; parents come before children. */
  proven(frame: F, nowMs: number): void {
    const { block, deltaHash, level } = frame
    this.#checked.push({ block, deltaHash, level })
    const known = this.#items.some((item) => item.kind === 'frame' && sameFrame(item.frame, frame))
    if (!known && !this.#answered.some((answered) => sameFrame(answered, frame)))
      this.#items.push({ kind: 'frame', frame, provenMs: nowMs })
  }

  /** The client's head moved to a block that was proven before, in this life or an earlier one. */
  named(head: BlockRef): void {
    this.#named = head
    const marks = {
      ...(this.#safe && { safe: this.#safe }),
      ...(this.#finalized && { finalized: this.#finalized }),
    }
    const last = this.#items.at(-1)
    const replaced = last?.kind === 'head' && this.#isFree(last) && sameBlock(last.event.head, head)
    const checked = replaced ? [...last.event.checked, ...this.#checked] : this.#checked
    if (replaced) this.#items.pop()
    this.#items.push({ kind: 'head', event: { kind: 'headEvent', head, ...marks, checked } })
    this.#checked = []
  }

  /** Safe and finalized of the client; a change is named with the last head. */
  marks(safe: BlockRef | undefined, finalized: BlockRef | undefined): void {
    const [newSafe, newFinalized] = [safe ?? this.#safe, finalized ?? this.#finalized]
    if (newSafe?.hash === this.#safe?.hash && newFinalized?.hash === this.#finalized?.hash) return
    this.#safe = newSafe
    this.#finalized = newFinalized
    if (this.#named !== undefined) this.named(this.#named)
  }

  /** Drops frames that were read back; returns how many of them had not been appended from here. */
  settle({ needs }: Standing): number {
    assert(this.#appending === 0, 'what is being appended is neither dropped nor kept')
    const before = this.#items.length
    this.#items = this.#items.filter(
      (item) => item.kind === 'head' || needs(item.frame.block, item.frame.deltaHash),
    )
    this.#answered = this.#answered.filter(({ block, deltaHash }) => needs(block, deltaHash))
    return before - this.#items.length
  }

  /** What is to be done now; of settled items only. */
  next(standing: Standing): Next<F> {
    assert(this.#appending === 0, 'one append at a time')
    const { nowMs, openSinceMs } = standing
    if (nowMs - (this.#askedMs ?? openSinceMs) > ASLEEP_MS) this.#wokeMs = nowMs
    this.#askedMs = nowMs
    const items: Item<F>[] = []
    let bytes = 0
    for (const item of this.#items) {
      if (item.kind === 'frame') {
        const hold = this.#hold(item.provenMs, standing)
        if (hold !== undefined && items.length === 0) return hold
        bytes += item.frame.bytes.length
        if (hold !== undefined || (bytes > APPEND_BYTES_MAX && items.length > 0)) break
      }
      items.push(item)
    }
    this.#appending = items.length
    return items.length === 0 ? { kind: 'nothing' } : { kind: 'append', items }
  }

  appended(): void {
    const said = this.#items.splice(0, this.#appending)
    this.#appending = 0
    for (const item of said) {
      if (item.kind !== 'frame') continue
      const { block, deltaHash } = item.frame
      this.#answered = [...this.#answered.slice(1 - ANSWERED_MAX), { block, deltaHash }]
    }
  }
  /** The append has an unknown outcome, or the line to the feed was lost and opened again: only what is read back counts. */
  lost(): void {
    this.#appending = 0
    this.#answered = []
  }
  /** At `startedMs` the feed was read to its end. */
  looked(startedMs: number): void {
    this.#lookedMs = startedMs
  }

  isEmpty(): boolean {
    return this.#items.length === 0
  }
  /** No more is proven until some of it is on the feed. */
  isFull(): boolean {
    const frames = this.#items.filter(({ kind }) => kind === 'frame').length
    return frames >= FRAMES_MAX || this.#items.length >= ITEMS_MAX
  }

  /** Why a frame cannot be published now. */
  #hold(provenMs: number, { nowMs, rank, graceMs, openSinceMs }: Standing): Next<F> | undefined {
    if (rank === undefined) return { kind: 'wait', untilMs: Number.POSITIVE_INFINITY }
    const graceOverMs =
      rank === 0 ? Number.NEGATIVE_INFINITY : Math.max(provenMs, openSinceMs) + rank * graceMs
    // Who was stopped for a while takes itself for what it was then: others may have published all that it has missed.
    const dueMs = Math.max(graceOverMs, this.#wokeMs)
    if (nowMs < dueMs) return { kind: 'wait', untilMs: dueMs }
    return this.#lookedMs < dueMs ? { kind: 'look' } : undefined
  }
  #isFree(item: Item<F>): boolean {
    return this.#items.indexOf(item) >= this.#appending
  }
}

function sameFrame(a: Named, b: Named): boolean {
  return sameBlock(a.block, b.block) && a.deltaHash === b.deltaHash
}
