/**
 * Applies the feed to the store: stands between the ordered log and the snapshots that answers are read from, and is the store's only
 * writer. Each record goes through the feed machine; what it decides (undo, apply, marks, frames beside the chain) is gathered and written
 * in one transaction together with the machine's state and the position, so that a kill at any point loses nothing and applies nothing
 * twice, and a reorganisation is one switch. It never decides anything itself: a frame that fails its checks stops it at the parent.
 */
import { type BlockRef, describeBlock } from '#chain/block-ref.ts'
import { type Frame, type Level, LEVELS } from '#chain/frame.ts'
import { assert } from '#kernel/assert.ts'
import { messageOf } from '#kernel/fault.ts'
import type { Clock, Timer } from '#ports/clock.ts'
import type { Compress } from '#ports/compress.ts'
import type { Logger } from '#ports/logger.ts'
import type { LogRecord } from '#ports/record-log.ts'
import type { FeedEffect } from '#protocol/feed/effects.ts'
import type { FeedMachine } from '#protocol/feed/machine.ts'
import type { FeedRecord } from '#protocol/feed/records.ts'
import type { Heads } from '#state/identity.ts'
import type { Store, StoreWriter } from '#state/store.ts'
import { decodeFrame, encodeFrame } from '#wire/frame.ts'
import { decodeRecord } from '#wire/record.ts'
import type { ApplierMetrics } from './applier-metrics.ts'
import type { Board } from './board.ts'
import { encodeFeedState } from './feed-state.ts'
import { checkFrame } from './frame-check.ts'
import { ReorgHold } from './reorg-hold.ts'
import type { SideShelf } from './side-shelf.ts'

/** Blocks of one transaction while catching up. */
const BLOCKS_PER_COMMIT_MAX = 64
/** Rows of history dropped in one transaction. */
const PRUNED_ROWS_MAX = 10_000

export interface ApplierOptions {
  readonly horizonBlocks: number
  readonly verify: 'digest' | 'strict'
  readonly prove: Level
}

export interface ApplierParts {
  readonly store: Store
  readonly board: Board
  readonly compress: Compress
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: ApplierMetrics
  /** Tells the answer threads that something changed. */
  readonly moved: () => void
}

/** Where the store stands when applying begins. */
export interface Standing {
  readonly machine: FeedMachine
  readonly shelf: SideShelf
  readonly position: number
  readonly decidedAt: number
  readonly sequence: number
  readonly heads: Heads
}

type Switch = Extract<FeedEffect, { kind: 'headMoved' }>
/** What must happen in the store in the order in which it was decided: a frame is dropped only after it was applied and undone. */
type Decided = Switch | Extract<FeedEffect, { kind: 'sideDropped' }>

export class Applier {
  readonly #options: ApplierOptions
  readonly #parts: ApplierParts
  readonly #machine: FeedMachine
  readonly #shelf: SideShelf
  readonly #hold: ReorgHold
  /** Next position to read. */
  #position: number
  #decidedAt: number
  #sequence: number
  #heads: Heads
  /** Decided and not yet in the store. */
  #decided: Decided[] = []
  #blocksDecided = 0
  #marksMoved = false
  /** Whole frames since the last commit, decoded, so that the next commit need not decode them again. */
  readonly #fresh = new Map<string, Frame>()
  readonly #bad = new Map<string, string>()
  #holdTimer: Timer | undefined
  #halted: string | undefined

  constructor(options: ApplierOptions, parts: ApplierParts, standing: Standing) {
    this.#options = options
    this.#parts = parts
    this.#machine = standing.machine
    this.#shelf = standing.shelf
    this.#position = standing.position
    this.#decidedAt = standing.decidedAt
    this.#sequence = standing.sequence
    this.#heads = standing.heads
    this.#hold = new ReorgHold(parts.clock)
  }

  /** Next position to read. */
  position(): number {
    return this.#position
  }
  /** Why nothing is applied any more, if so. */
  halted(): string | undefined {
    return this.#halted
  }
  isHolding(): boolean {
    return this.#hold.isHolding()
  }

  /** Takes records as they come from the log, and commits what they decide. */
  take(records: readonly LogRecord[]): void {
    for (const { position, bytes } of records) {
      if (this.#halted !== undefined) return
      assert(position === this.#position, 'records are taken in order, without gaps')
      const record = decodeRecord(bytes)
      this.#announce(record)
      for (const effect of this.#machine.step(position, record)) this.#note(effect, record, position)
      this.#position = position + 1
      if (this.#blocksDecided >= BLOCKS_PER_COMMIT_MAX) this.#flush()
    }
    this.#flush()
  }

  /** One small step of tidying up; to be called when no record waits. True while there is more to do. */
  tidy(): boolean {
    const keepFrom = Math.min(
      this.#heads.head.number - this.#options.horizonBlocks,
      this.#heads.finalized.number,
    )
    if (keepFrom <= 0 || this.#hold.isHolding()) return false
    let done = true
    this.#commit((writer) => {
      done = writer.pruneHistory(keepFrom, PRUNED_ROWS_MAX)
    })
    return !done
  }

  stop(): void {
    this.#holdTimer?.cancel()
  }

  #announce({ body }: FeedRecord): void {
    if (body.kind === 'beat' || body.kind === 'headEvent') this.#parts.board.announce(body.head.number)
  }

  #note(effect: FeedEffect, { body }: FeedRecord, position: number): void {
    const { log, metrics } = this.#parts
    switch (effect.kind) {
      case 'partKept':
        assert(body.kind === 'framePart', 'parts come from part records')
        this.#shelf.keepPart(effect.producer, effect.index, Uint8Array.from(body.bytes))
        return
      case 'partsDropped':
        this.#shelf.dropParts(effect.producer)
        return
      case 'frameWhole': {
        const bytes = this.#shelf.takeParts(effect.frame.producer)
        const verdict = checkFrame(bytes, effect.frame, this.#options.verify, this.#parts.compress)
        this.#shelf.putFrame(effect.frame.block.hash, bytes)
        if (verdict.kind === 'good') this.#fresh.set(effect.frame.block.hash, verdict.frame)
        else {
          metrics.refused.add(1)
          this.#bad.set(effect.frame.block.hash, verdict.why)
          log.error('a frame failed its checks and is not applied', {
            block: describeBlock(effect.frame.block),
            producer: effect.frame.producer,
            why: verdict.why,
          })
        }
        return
      }
      case 'headMoved':
        this.#decided.push(effect)
        this.#blocksDecided += effect.apply.length
        this.#decidedAt = position
        return
      case 'marksMoved':
        this.#marksMoved = true
        this.#decidedAt = position
        return
      case 'sideDropped':
        this.#decided.push(effect)
        return
      case 'alarm':
        metrics.alarms.add(1, { code: effect.alarm.code })
        log.warn('the feed says something that should be looked at', {
          alarm: effect.alarm.code,
          producer: effect.alarm.producer,
        })
        return
      case 'adopted':
        throw new Error('a feed is adopted when its store is made')
    }
  }

  /** Writes everything that is decided, unless the head must still be held back. */
  #flush(): void {
    this.#holdTimer?.cancel()
    const decided = this.#machine.heads()?.head ?? this.#heads.head
    const waitMs = this.#hold.waitMs(this.#heads.head.number, decided.number)
    if (waitMs > 0) {
      this.#holdTimer = this.#parts.clock.after(waitMs, () => this.#flush())
      return
    }
    if (this.#hold.isHolding()) {
      this.#hold.released()
      this.#parts.metrics.held.add(1)
      this.#parts.log.warn('the head steps down: no branch grew as high within two block times', {
        from: describeBlock(this.#heads.head),
        to: describeBlock(decided),
      })
    }
    if (this.#decided.length > 0 || this.#marksMoved || this.#shelf.isDirty()) this.#write()
    this.#parts.board.setApplied(this.#position)
    this.#parts.metrics.position.set(this.#position)
    this.#parts.moved()
  }

  #write(): void {
    const before = this.#heads
    let heads = before
    const all = this.#decided
    const encoded = { machine: this.#machine.encode(), position: this.#position }
    this.#commit((writer) => {
      heads = before
      for (const each of all) {
        if (each.kind === 'headMoved') heads = this.#switch(writer, each, heads)
        else this.#drop(each.blocks)
      }
      if (this.#halted === undefined) {
        const decided = this.#machine.heads()
        assert(
          decided !== undefined && decided.head.hash === heads.head.hash,
          'the store follows the machine',
        )
        heads = { ...heads, safe: decided.safe, finalized: decided.finalized }
      }
      writer.setMarks(heads)
      // Once halted the store stays where it was in the feed: a corrected release starts there again.
      if (this.#halted === undefined) {
        this.#shelf.write(writer)
        writer.setMachine(encoded.position, encodeFeedState(this.#decidedAt, encoded.machine))
      }
    })
    if (heads.head.number > before.head.number) this.#hold.advanced()
    this.#heads = heads
    this.#decided = []
    this.#blocksDecided = 0
    this.#marksMoved = false
    this.#shelf.written()
    this.#fresh.clear()
    const { metrics } = this.#parts
    metrics.head.set(heads.head.number)
    metrics.finalized.set(heads.finalized.number)
    metrics.verified.set(heads.verified.number)
  }

  #drop(blocks: readonly BlockRef[]): void {
    for (const { hash } of blocks) {
      this.#shelf.removeFrame(hash)
      this.#bad.delete(hash)
    }
  }

  #switch(writer: StoreWriter, { undo, apply }: Switch, heads: Heads): Heads {
    let { verified } = heads
    for (const block of undo) {
      assert(writer.head().hash === block.hash, 'what is undone is the head')
      const frame = writer.undo()
      this.#shelf.putFrame(block.hash, encodeFrame(frame, this.#parts.compress))
      if (verified.hash === block.hash) verified = writer.head()
      this.#parts.metrics.undone.add(1)
    }
    for (const block of apply) {
      const frame = this.#frame(block, writer)
      if (frame === undefined) break
      const extendsVerified = verified.hash === writer.head().hash
      writer.apply(frame)
      this.#shelf.removeFrame(block.hash)
      if (extendsVerified && LEVELS.indexOf(frame.level) >= LEVELS.indexOf(this.#options.prove))
        verified = block
      this.#parts.metrics.applied.add(1)
    }
    return { ...heads, head: writer.head(), verified }
  }

  /** The frame to apply; undefined where it failed its checks, which halts everything after it. */
  #frame(block: BlockRef, writer: StoreWriter): Frame | undefined {
    const why = this.#bad.get(block.hash)
    if (why !== undefined) {
      this.#halted = `block ${describeBlock(block)} failed its checks: ${why}`
      this.#parts.log.error('applying has stopped at the parent of a bad frame; what is here is served on', {
        block: describeBlock(block),
        why,
      })
      return undefined
    }
    const fresh = this.#fresh.get(block.hash)
    if (fresh !== undefined) return fresh
    const bytes = this.#shelf.frame(block.hash, writer)
    assert(bytes !== undefined, 'every whole frame is kept until it is applied or dropped')
    try {
      return decodeFrame(bytes, this.#parts.compress)
    } catch (thrown) {
      this.#bad.set(block.hash, messageOf(thrown))
      return this.#frame(block, writer)
    }
  }

  #commit(change: (writer: StoreWriter) => void): void {
    const startedMs = this.#parts.clock.nowMs()
    // Before the commit: a reader that sees an older sequence in its snapshot knows that a newer one may be there (architecture §3).
    this.#parts.board.setSequence(this.#sequence + 1)
    this.#sequence = this.#parts.store.commit(change)
    this.#parts.metrics.commitSeconds.observe((this.#parts.clock.nowMs() - startedMs) / 1_000)
  }
}
