/**
 * Brings a store that is far behind near the feed's end, before anything is served. First the feed machine alone runs over the records'
 * envelopes to the end and notes where the head stood on blocks that were never undone since. Of those, what is both final and below the
 * horizon needs no history and is never undone again: these blocks are taken many at once (`Store.bulk`), each time up to a place where
 * store, machine and position agree, from a thread that reads ahead where there is one (reader.ts). The rest is the applier's. A kill leaves the store at such a place, or with its mark on the way to one:
 * then the same blocks, or more, are taken again.
 */
import { type BlockHash, type BlockRef, describeBlock } from '#chain/block/block-ref.ts'
import { LEVELS } from '#chain/block/frame.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { Fault } from '#kernel/fault.ts'
import type { Memory } from '#ports/memory.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { FeedEffect, WholeFrame } from '#protocol/feed/effects.ts'
import type { FramePart } from '#protocol/feed/frames/records.ts'
import { type BlockRows, blockRows } from '#state/rows/block-rows.ts'
import type { BulkApply } from '#state/store.ts'
import { decodeFrame } from '#wire/frame.ts'
import { decodeRecord } from '#wire/record.ts'
import { createAlarmLog } from '#roles/replica/switch/alarm-log.ts'
import { Applier, type ApplierOptions, type ApplierParts } from './applier.ts'
import { encodeFeedState } from './feed-state.ts'
import { blocksWithHistory } from './horizon.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { PendingSwitch } from '#roles/replica/switch/pending-switch.ts'
import {
  type ReadyFrame,
  readyFrame,
  type ReadyRecord,
  type StartReader,
} from '#roles/replica/read-ahead/ready-frame.ts'
import { catchUpRoom } from '#roles/replica/read-ahead/room.ts'
import { ReadyRecords } from '#roles/replica/read-ahead/ready-records.ts'
import { type Standing, standingIn } from '#roles/replica/standing.ts'
import { type Checkpoint, readTo, type Survey, surveyFeed } from './survey.ts'

/** Blocks of one batch, and how far behind a store must be for this to begin. */
export interface CatchUpLimits {
  readonly blocksAtOnce: number
  readonly blocksMin: number
}
const LIMITS: CatchUpLimits = {
  blocksAtOnce: replicaLimits.catchUpBlocks.value,
  blocksMin: replicaLimits.catchUpBlocksMin.value,
}

export interface CatchUpParts extends Omit<ApplierParts, 'moved'> {
  readonly feed: RecordLog
  /** Starts a thread that reads a stretch ahead. */
  readonly startReader?: StartReader | undefined
  /** What may be held at once goes by it; undefined: as much as the limits say. */
  readonly memory?: Pick<Memory, 'read'> | undefined
}

/** @throws Fault replica/half-way, replica/bad-frame */
export async function catchUp(
  options: ApplierOptions,
  parts: CatchUpParts,
  signal: AbortSignal,
  { blocksAtOnce, blocksMin } = LIMITS,
): Promise<Standing> {
  const { feed, store, log } = parts
  finishSwitch(options, parts)
  const begun = mark(parts)
  const { next } = await feed.bounds()
  const standing = standingIn(store)
  if (begun === undefined && next - standing.position < blocksMin) return standing
  const horizonBlocks = historyWanted(options, parts)
  const survey = await surveyFeed(feed, standingIn(store), { end: next, horizonBlocks, begun }, signal)
  const to = survey.checkpoints.at(-1)?.block.number ?? 0
  if (begun !== undefined && !signal.aborted && to < begun) throw halfWay(begun)
  if (to - standing.heads.head.number < (begun === undefined ? blocksMin : 1)) return standing
  const { head } = standing.heads
  log.info('catching up: final blocks are taken many at once', { from: head.number, to, blocksAtOnce })
  let left = survey.checkpoints
  if (survey.undoneAt !== undefined) left = await passReorganisation(options, parts, survey, signal)
  if (left.length > 0 && !signal.aborted)
    await takeAll(options, parts, { left, to, begun, blocksAtOnce }, signal)
  return standingIn(store)
}

/** Batch after batch, from one stream of records. */
async function takeAll(
  options: ApplierOptions,
  parts: CatchUpParts,
  { left: checkpoints, to, begun, blocksAtOnce }: ToTake,
  signal: AbortSignal,
): Promise<void> {
  const { feed, store, log, startReader, memory } = parts
  let left = checkpoints
  let standing = standingIn(store)
  const end = (left.at(-1)?.position ?? 0) + 1
  const { aheadBytesMax } = catchUpRoom(memory)
  const stretch = { from: standing.position, end, verify: options.verify, aheadBytesMax }
  const records = new ReadyRecords(
    stretch,
    { feed, log, reader: await startReader?.(stretch, signal) },
    signal,
  )
  try {
    while (left.length > 0 && !signal.aborted) {
      const enough = Math.max(standing.heads.head.number + blocksAtOnce, begun ?? 0)
      const taken = await new Taking(options, parts, standing, begun).run(records, left, enough)
      if (taken === 0) break
      left = left.slice(taken)
      standing = standingIn(store)
      parts.board.setSequence(standing.sequence)
      log.info('catching up', { block: standing.heads.head.number, of: to })
    }
  } finally {
    await records.close()
  }
}

interface ToTake {
  readonly left: readonly Checkpoint[]
  /** The last block. */
  readonly to: number
  readonly begun: number | undefined
  readonly blocksAtOnce: number
}

/** A switch that was begun comes before anything else. */
function finishSwitch(options: ApplierOptions, parts: CatchUpParts): void {
  const standing = standingIn(parts.store)
  if (standing.plan !== undefined) new Applier(options, { ...parts, moved: () => {} }, standing).flush()
}

/** Where the cluster has undone what the store stands on, the applier goes first: up to a checkpoint that is not lower. Returns those left. */
async function passReorganisation(
  options: ApplierOptions,
  parts: CatchUpParts,
  { checkpoints, undoneAt }: Survey,
  signal: AbortSignal,
): Promise<readonly Checkpoint[]> {
  const standing = standingIn(parts.store)
  const end = checkpoints.findIndex(
    ({ position, block }) => position >= (undoneAt ?? 0) && block.number >= standing.heads.head.number,
  )
  const checkpoint = checkpoints[end]
  if (checkpoint === undefined) return []
  const applier = new Applier(options, { ...parts, moved: () => {} }, standing)
  for await (const records of readTo(parts.feed, applier.position(), checkpoint.position + 1, signal))
    applier.gather(records)
  applier.flush()
  return applier.halted() === undefined ? checkpoints.slice(end + 1) : []
}

function halfWay(begun: number): Fault {
  return new Fault(
    'replica/half-way',
    `the store is half way to block ${begun}, which the feed does not have any more: remove the store's folder to fill it again`,
    { begun },
  )
}

function historyWanted({ horizon }: ApplierOptions, { store }: CatchUpParts): number {
  const snapshot = store.snapshot()
  try {
    return blocksWithHistory(horizon, snapshot)
  } finally {
    snapshot.release()
  }
}

/** Where the store's state was on its way to when it was left. */
function mark({ store }: CatchUpParts): number | undefined {
  const snapshot = store.snapshot()
  snapshot.release()
  return snapshot.catchingUpTo
}

/** One batch: machine and shelf go through all records, as the applier's do, and blocks go to the store from checkpoint to checkpoint. */
class Taking {
  readonly #options: ApplierOptions
  readonly #parts: CatchUpParts
  readonly #standing: Standing
  /** Where a life before this one was half way to. */
  readonly #begun: number | undefined
  readonly #tellAlarm: ReturnType<typeof createAlarmLog>
  readonly #bulk: BulkApply
  readonly #pending = new PendingSwitch()
  /** Blocks beside the chain that are the store's now. */
  readonly #taken = new Set<BlockHash>()
  /** Whole frames of this batch that are not the store's: their names, and what was found in them where somebody has looked. */
  readonly #frames = new Map<
    BlockHash,
    { readonly named: WholeFrame; readonly ready: ReadyFrame | undefined }
  >()
  #decidedAt: number
  #verified: BlockRef
  #lastRecord: Uint8Array | undefined

  constructor(options: ApplierOptions, parts: CatchUpParts, standing: Standing, begun: number | undefined) {
    this.#begun = begun
    this.#options = options
    this.#parts = parts
    this.#standing = standing
    this.#bulk = parts.store.bulk(catchUpRoom(parts.memory).batchBytesMax)
    this.#tellAlarm = createAlarmLog(parts)
    this.#decidedAt = standing.decidedAt
    this.#verified = standing.heads.verified
  }

  /** Takes the blocks of the first checkpoints, up to block `enough` or as much as can be held; returns how many, 0 where aborted or where a
   *  frame does not pass its checks, or all of them together are not what the state root says: then nothing is changed, and the applier
   *  will say so at its place. */
  async run(records: ReadyRecords, checkpoints: readonly Checkpoint[], enough: number): Promise<number> {
    assert(records.position() === this.#standing.position, 'a batch begins where the store stands')
    for (let taken = 0; ; ) {
      const record = records.take() ?? (await records.wait())
      if (record === undefined) return 0
      this.#step(record)
      const checkpoint = checkpoints[taken]
      if (record.position !== checkpoint?.position) continue
      if (!this.#take()) return 0
      taken++
      const isDone = taken === checkpoints.length || checkpoint.block.number >= enough
      if (!isDone && !(this.#bulk.isFull() && checkpoint.block.number >= (this.#begun ?? 0))) continue
      // Some block's delta is not what it did: one by one they tell which.
      if (!this.#bulk.provesRoot()) return 0
      this.#finish(checkpoint.position)
      return taken
    }
  }

  #step({ position, bytes, frame }: ReadyRecord): void {
    const { machine } = this.#standing
    const { body, ...envelope } = decodeRecord(bytes)
    if (body.kind === 'beat' || body.kind === 'headEvent') this.#parts.board.announce(body.head.number)
    for (const effect of machine.step(position, { ...envelope, body })) {
      if (effect.kind === 'headMoved' || effect.kind === 'marksMoved') this.#decidedAt = position
      this.#note(effect, body.kind === 'framePart' ? body : undefined, frame)
    }
    this.#lastRecord = bytes
  }

  #note(effect: FeedEffect, part: FramePart | undefined, frame: ReadyFrame | undefined): void {
    const { shelf } = this.#standing
    switch (effect.kind) {
      case 'partKept':
        assert(part !== undefined, 'parts come from part records')
        return shelf.keepPart(effect.producer, effect.index, Uint8Array.from(part.bytes))
      case 'partsDropped':
        return shelf.dropParts(effect.producer)
      case 'frameWhole':
        shelf.putFrame(effect.frame.block.hash, shelf.takeParts(effect.frame.producer))
        this.#frames.set(effect.frame.block.hash, { named: effect.frame, ready: frame })
        return
      case 'headMoved':
        return this.#pending.move(effect.undo, effect.apply)
      case 'sideDropped':
        for (const { hash } of effect.blocks) this.#frames.delete(hash)
        return this.#pending.drop(effect.blocks)
      case 'alarm':
        return this.#tellAlarm(effect.alarm)
      case 'marksMoved': // read from the machine at the end
        return
      case 'adopted':
        assert(false, 'a feed is adopted when its store is made')
    }
  }

  /** At a checkpoint: all that is decided is final. False where a frame fails. */
  #take(): boolean {
    const { apply, undo } = this.#pending
    assert(undo.length === 0, 'below a checkpoint nothing is undone')
    for (const block of apply.splice(0)) {
      const rows = this.#rowsOf(block)
      if (rows === undefined) return this.#giveUp(block)
      const isNext = this.#verified.hash === this.#bulk.last().hash
      this.#bulk.add(rows)
      if (isNext && LEVELS.indexOf(rows.level) >= LEVELS.indexOf(this.#options.prove)) this.#verified = block
      this.#taken.add(block.hash)
      this.#standing.shelf.forget(block.hash)
      this.#frames.delete(block.hash)
    }
    return true
  }

  #rowsOf({ hash }: BlockRef): BlockRows | undefined {
    if (this.#standing.shelf.whyRefused(hash) !== undefined) return undefined
    const frame = this.#frames.get(hash)
    // From before this batch: it was checked then.
    if (frame === undefined)
      return blockRows(decodeFrame(this.#bytesOf(hash), this.#parts.compress), this.#parts.compress)
    const ready = this.#ready(hash, frame)
    return ready.kind === 'good' ? ready.rows : undefined
  }

  #ready(
    hash: BlockHash,
    { named, ready }: { named: WholeFrame; ready: ReadyFrame | undefined },
  ): ReadyFrame {
    return ready ?? readyFrame(this.#bytesOf(hash), named, this.#options.verify, this.#parts.compress)
  }

  #bytesOf(hash: BlockHash): Uint8Array {
    const { shelf } = this.#standing
    const snapshot = this.#parts.store.snapshot()
    const bytes = shelf.frame(hash, snapshot)
    snapshot.release()
    assert(bytes !== undefined, 'every whole frame is kept until it is applied or dropped')
    return bytes
  }

  #giveUp(block: BlockRef): false {
    if (mark(this.#parts) === undefined) return false
    throw new Fault(
      'replica/bad-frame',
      `block ${describeBlock(block)} fails its checks, and the store is half way past it: remove the store's folder to fill it again`,
      { number: block.number, hash: block.hash },
    )
  }

  #finish(position: number): void {
    const { board, metrics } = this.#parts
    const { shelf, machine, sequence } = this.#standing
    const heads = machine.heads()
    assert(heads?.head.hash === this.#bulk.last().hash, 'the store follows the machine')
    this.#checkRest()
    const gone = new Set([...this.#taken, ...this.#pending.gone()])
    const lastRecord = this.#lastRecord
    assert(lastRecord !== undefined, 'a batch has records')
    board.setSequence(sequence + 1)
    this.#bulk.finish((writer) => {
      shelf.write(writer, gone)
      writer.setMarks({ safe: heads.safe, finalized: heads.finalized, verified: this.#verified })
      const state = {
        decidedAt: this.#decidedAt,
        lastDigest: keccak256(lastRecord),
        machine: machine.encode(),
      }
      writer.setMachine(position + 1, encodeFeedState(state))
    })
    metrics.applied.add(this.#taken.size)
    metrics.head.set(heads.head.number)
    metrics.position.set(position + 1)
    board.setApplied(position + 1)
  }

  /** What stands beside the chain now may become canonical later. */
  #checkRest(): void {
    for (const [hash, frame] of this.#frames) {
      const ready = this.#ready(hash, frame)
      if (ready.kind === 'bad') this.#standing.shelf.refuse(hash, ready.why)
    }
  }
}
