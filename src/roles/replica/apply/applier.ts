/**
 * Applies the feed to the store: stands between the ordered log and the snapshots that answers are read from, and is the store's only
 * writer. Each record goes through the feed machine; what it decides is gathered and written in one transaction together with the machine's
 * state and the position, so that a kill at any point loses nothing and applies nothing twice, and a reorganisation is one switch. A switch
 * that is too large for one transaction is written as a plan first, and made in several, while nothing is served (switch-plan.ts). What
 * decides nothing is not written at all: after a restart those records are read again and say the same. A transaction that fails changes
 * nothing here either, and can be tried again. It never decides anything itself: a decision with a frame that fails its checks stops it.
 */
import { type BlockHash, type BlockRef, describeBlock } from '#chain/block/block-ref.ts'
import type { Frame, Level } from '#chain/block/frame.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import type { Clock } from '#ports/clock.ts'
import type { Compress } from '#ports/compress.ts'
import type { Logger } from '#ports/logger.ts'
import type { Horizon } from '#ports/options.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import type { FeedEffect, WholeFrame } from '#protocol/feed/effects.ts'
import type { FeedMachine } from '#protocol/feed/machine.ts'
import type { RecordBody } from '#protocol/feed/frames/records.ts'
import type { Heads } from '#state/identity.ts'
import type { Store, StoreWriter } from '#state/store.ts'
import { decodeFrame } from '#wire/frame.ts'
import { decodeRecord } from '#wire/record.ts'
import { createAlarmLog } from '#roles/replica/switch/alarm-log.ts'
import type { ApplierMetrics } from './applier-metrics.ts'
import type { Board } from '#roles/replica/board.ts'
import { encodeFeedState } from './feed-state.ts'
import { checkFrame, type Verify } from '#wire/frame-check.ts'
import { PendingSwitch } from '#roles/replica/switch/pending-switch.ts'
import { areMore, rowsMaxOf, rowsOf } from './commit-size.ts'
import { ReorgHold } from '#roles/replica/switch/reorg-hold.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import type { SideShelf } from './side-shelf.ts'
import type { Standing } from '#roles/replica/standing.ts'
import { tellSwitch } from '#roles/replica/switch/switch-log.ts'
import { type Switched, switchBlocks } from '#roles/replica/switch/store-switch.ts'
import { putPlan, removePlan } from '#roles/replica/switch/switch-plan.ts'
import { Tidying } from './tidying.ts'

/** Of one transaction. */
const BLOCKS_PER_COMMIT_MAX = replicaLimits.commitBlocksMax.value
const ROWS_PER_COMMIT_MAX = replicaLimits.commitRowsMax.value
/** Of what is read and not written, though nothing may be decided yet. */
const UNWRITTEN_BYTES_MAX = replicaLimits.unwrittenBytesMax.value
const UNWRITTEN_RECORDS_MAX = replicaLimits.unwrittenRecordsMax.value

export interface ApplierOptions {
  readonly horizon: Horizon
  readonly verify: Verify
  readonly prove: Level
  /** Of one transaction, where another limit is wanted (of tests, and of the simulation). */
  readonly commitRowsMax?: number
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

/** Takes a transaction back that would grow too large. */
class TooLarge extends Error {}

export class Applier {
  readonly #options: ApplierOptions
  readonly #parts: ApplierParts
  readonly #machine: FeedMachine
  readonly #shelf: SideShelf
  readonly #hold: ReorgHold
  readonly #tellAlarm: ReturnType<typeof createAlarmLog>
  /** Whole frames since the last commit, decoded, so that the next commit need not decode them again. */
  readonly #fresh = new Map<string, Frame>()
  #position: number
  #writtenPosition: number
  #lastRecord: Uint8Array | undefined
  #decidedAt: number
  /** The same of the heads in the store. */
  #servedAt: number
  #sequence: number
  #heads: Heads
  readonly #tidying: Tidying
  #pending = new PendingSwitch()
  #pendingRows = 0
  /** `pending` is written as a plan, and made in part. */
  #isPlanned = false
  #marksMoved = false
  #halted: string | undefined

  constructor(options: ApplierOptions, parts: ApplierParts, standing: Standing) {
    this.#options = options
    this.#parts = parts
    this.#machine = standing.machine
    this.#shelf = standing.shelf
    this.#position = standing.position
    this.#writtenPosition = standing.position
    this.#decidedAt = standing.decidedAt
    this.#servedAt = standing.decidedAt
    this.#sequence = standing.sequence
    this.#heads = standing.heads
    this.#tidying = new Tidying(options.horizon, parts)
    if (standing.plan !== undefined) this.#pending = PendingSwitch.of(standing.plan)
    this.#isPlanned = standing.plan !== undefined
    this.#hold = new ReorgHold(parts.clock)
    this.#tellAlarm = createAlarmLog(parts)
  }

  /** Next position to read. */
  position(): number {
    return this.#position
  }
  /** Why nothing is applied any more, if so. */
  halted(): string | undefined {
    return this.#halted
  }
  /** While a lower head is held back: milliseconds until `flush` should be called, whatever comes from the feed. */
  heldForMs(): number | undefined {
    return this.#hold.isHolding() ? this.#holdMs() : undefined
  }

  /** Takes records as they come from the log, and commits what they decide; of a batch that failed half way, the rest. */
  take(records: readonly LogRecord[]): void {
    this.gather(records)
    this.flush()
  }

  /** Takes records and commits only when there is much: for who knows that more records wait. */
  gather(records: readonly LogRecord[]): void {
    this.#finishSwitch()
    for (const { position, bytes } of records) {
      if (position < this.#position) continue
      // With a bad frame about, each decision is written by itself: the store stops at the last one before it.
      if (this.#shelf.hasRefused() || this.#isFull()) this.flush()
      if (this.#halted !== undefined) return
      assert(position === this.#position, 'records are taken in order, without gaps')
      this.#step(position, bytes)
    }
  }

  /** Writes everything that is decided, unless the head must still be held back. */
  flush(): void {
    this.#finishSwitch()
    if (this.#halted !== undefined || this.#isHeld()) return
    const bad = this.#pending.apply.find(({ hash }) => this.#shelf.whyRefused(hash) !== undefined)
    if (bad !== undefined) {
      this.#halt(bad)
      return
    }
    const isDecided = !this.#pending.isEmpty() || this.#marksMoved
    if (isDecided || this.#isMuchUnwritten()) this.#write()
    const { board, metrics, moved } = this.#parts
    board.setApplied(this.#position)
    metrics.position.set(this.#position)
    moved()
  }

  /** Milliseconds until `tidy` should be called. */
  tidyInMs(): number {
    return this.#tidying.waitMs()
  }
  /** One small step of what can wait (tidying.ts). To be called when no record waits. True while there is more to do. */
  tidy(): boolean {
    assert(!this.#isPlanned, 'nothing is tidied in the middle of a switch')
    return this.#tidying.step((change) => this.#commit(change))
  }

  #step(position: number, bytes: Uint8Array): void {
    const { body, ...envelope } = decodeRecord(bytes)
    const effects = this.#machine.step(position, { ...envelope, body })
    if (body.kind === 'beat' || body.kind === 'headEvent') this.#parts.board.announce(body.head.number)
    for (const effect of effects) this.#note(effect, body, position)
    this.#position = position + 1
    this.#lastRecord = bytes
  }

  #note(effect: FeedEffect, body: RecordBody, position: number): void {
    switch (effect.kind) {
      case 'partKept':
        assert(body.kind === 'framePart', 'parts come from part records')
        this.#shelf.keepPart(effect.producer, effect.index, Uint8Array.from(body.bytes))
        return
      case 'partsDropped':
        this.#shelf.dropParts(effect.producer)
        return
      case 'frameWhole':
        this.#keepFrame(effect.frame)
        return
      case 'headMoved':
        this.#pending.move(effect.undo, effect.apply)
        for (const { hash } of [...effect.undo, ...effect.apply])
          this.#pendingRows += rowsOf(this.#fresh.get(hash))
        this.#decidedAt = position
        return
      case 'marksMoved':
        this.#marksMoved = true
        this.#decidedAt = position
        return
      case 'sideDropped':
        this.#pending.drop(effect.blocks)
        return
      case 'alarm':
        this.#tellAlarm(effect.alarm)
        return
      case 'adopted':
        assert(false, 'a feed is adopted when its store is made')
    }
  }

  #keepFrame(named: WholeFrame): void {
    const { compress, log, metrics } = this.#parts
    const { block, producer } = named
    const bytes = this.#shelf.takeParts(producer)
    const verdict = checkFrame(bytes, named, this.#options.verify, compress)
    if (verdict.kind === 'good') {
      this.#shelf.putFrame(block.hash, bytes)
      this.#fresh.set(block.hash, verdict.frame)
      return
    }
    this.#shelf.refuse(block.hash, verdict.why)
    metrics.refused.add(1)
    const facts = { code: 'replica/bad-frame', block: describeBlock(block), producer, why: verdict.why }
    log.error('a frame failed its checks and will not be applied', facts)
  }

  #holdMs(): number {
    return this.#hold.waitMs(this.#heads.head.number, this.#decidedHeads().head.number)
  }
  #isHeld(): boolean {
    const wasHolding = this.#hold.isHolding()
    const isHeld = this.#holdMs() > 0
    if (isHeld && !wasHolding) this.#parts.metrics.held.add(1)
    return isHeld
  }
  #decidedHeads(): Omit<Heads, 'verified'> {
    const heads = this.#machine.heads()
    assert(heads !== undefined, 'an applier begins after the generation record')
    return heads
  }
  #isFull(): boolean {
    return (
      this.#pending.apply.length >= BLOCKS_PER_COMMIT_MAX ||
      this.#pendingRows >= this.#rowsMax() ||
      this.#isMuchUnwritten()
    )
  }
  #isMuchUnwritten(): boolean {
    return (
      this.#position - this.#writtenPosition >= UNWRITTEN_RECORDS_MAX ||
      this.#shelf.newBytes() >= UNWRITTEN_BYTES_MAX
    )
  }

  #halt({ hash, number }: BlockRef): void {
    const why = this.#shelf.whyRefused(hash) ?? ''
    this.#halted = `block ${number} ${hash} failed its checks: ${why}`
    this.#parts.log.error('applying has stopped below a bad frame; what is here is served on', {
      code: 'replica/bad-frame',
      block: describeBlock({ hash, number }),
      head: describeBlock(this.#heads.head),
      why,
    })
  }

  /** In one transaction; or, where that would be too large, in several. */
  #write(): void {
    try {
      this.#writeAtOnce()
    } catch (thrown) {
      if (!(thrown instanceof TooLarge)) throw thrown
      this.#writePlan()
      this.#finishSwitch()
    }
  }

  #writeAtOnce(): void {
    const known = this.#pending.apply.map(({ hash }) => this.#fresh.get(hash))
    if (areMore(known, this.#rowsMax())) throw new TooLarge() // without trying
    const { head, safe, finalized } = this.#decidedHeads()
    let { verified } = this.#heads
    this.#commit((writer) => {
      const switched = this.#switch(writer)
      if (!switched.isDone) throw new TooLarge()
      verified = switched.verified
      this.#shelf.write(writer, this.#pending.gone())
      writer.setMarks({ safe, finalized, verified })
      this.#writeFeedState(writer)
    })
    this.#written({ head, safe, finalized, verified })
  }

  /** First of several transactions: everything but the switch, and from here on it is made, whatever happens. */
  #writePlan(): void {
    const { log, moved } = this.#parts
    const { safe, finalized } = this.#decidedHeads()
    const blocks = this.#pending.blocks()
    const gone = this.#pending.goneBefore()
    log.info('a switch is too large for one transaction: nothing is served until it is made', {
      undo: blocks.undo.length,
      apply: blocks.apply.length,
    })
    this.#commit((writer) => {
      this.#shelf.write(writer, gone)
      putPlan(writer, { ...blocks, from: this.#heads, decidedAt: this.#servedAt })
      writer.setMarks({ safe, finalized, verified: this.#heads.verified })
      this.#writeFeedState(writer)
    })
    this.#shelf.written(gone)
    this.#isPlanned = true
    moved()
  }

  /** Makes the planned switch, if there is one, to its end. */
  #finishSwitch(): void {
    while (this.#isPlanned) {
      const { head, safe, finalized } = this.#decidedHeads()
      let { verified } = this.#heads
      let isDone = false
      this.#commit((writer) => {
        ;({ verified, isDone } = this.#switch(writer))
        writer.setMarks({ safe, finalized, verified })
        if (isDone) removePlan(writer)
      })
      this.#heads = { ...this.#heads, verified }
      if (!isDone) continue
      this.#isPlanned = false
      this.#written({ head, safe, finalized, verified })
    }
  }

  #writeFeedState(writer: StoreWriter): void {
    if (this.#lastRecord === undefined) return // where records were taken, there is a last one
    const state = {
      decidedAt: this.#decidedAt,
      lastDigest: keccak256(this.#lastRecord),
      machine: this.#machine.encode(),
    }
    writer.setMachine(this.#position, encodeFeedState(state))
  }
  #rowsMax(): number {
    return rowsMaxOf(this.#options.commitRowsMax ?? ROWS_PER_COMMIT_MAX, this.#parts.store.keepsTrie())
  }

  #switch(writer: StoreWriter): Switched {
    const frameOf = ({ hash }: BlockRef): Frame => this.#fresh.get(hash) ?? this.#stored(hash, writer)
    const parts = { compress: this.#parts.compress, prove: this.#options.prove, frameOf }
    const made = switchBlocks(writer, this.#pending.blocks(), this.#heads.verified, this.#rowsMax(), parts)
    const { head } = this.#decidedHeads()
    assert(!made.isDone || writer.head().hash === head.hash, 'the store follows the machine')
    return made
  }
  #stored(hash: BlockHash, writer: StoreWriter): Frame {
    const bytes = this.#shelf.frame(hash, writer)
    assert(bytes !== undefined, 'every whole frame is kept until it is applied or dropped')
    return decodeFrame(bytes, this.#parts.compress)
  }

  #written(heads: Heads): void {
    const { undo, apply } = this.#pending
    const from = this.#heads.head
    const wasHeld = this.#hold.isHolding()
    tellSwitch(this.#parts, { from, heads, undone: undo.length, applied: apply.length, wasHeld })
    if (wasHeld) this.#hold.released()
    if (this.#parts.board.isReady() && apply.length > 0) this.#hold.applied(heads.head.number)
    this.#tidying.written(apply.length)
    this.#heads = heads
    this.#servedAt = this.#decidedAt
    this.#writtenPosition = this.#position
    this.#shelf.written(this.#pending.gone())
    this.#pending = new PendingSwitch()
    this.#pendingRows = 0
    this.#marksMoved = false
    this.#fresh.clear()
  }

  #commit(change: (writer: StoreWriter) => void): void {
    const startedMs = this.#parts.clock.nowMs()
    // Before the commit: a reader that sees an older sequence in its snapshot knows that a newer one may be there (architecture §3).
    this.#parts.board.setSequence(this.#sequence + 1)
    this.#sequence = this.#parts.store.commit(change)
    this.#parts.metrics.commitSeconds.observe((this.#parts.clock.nowMs() - startedMs) / 1_000)
  }
}
