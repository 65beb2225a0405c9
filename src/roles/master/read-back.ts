/**
 * What this master has read back from the feed: the generation, its own place there, and which frames are whole with which delta. The
 * one source of "is it published?": an append that was answered, an append of unknown outcome and a frame of another master look the
 * same here. Finds out, too, that another process lives under the same id. What is settled is the fork choice's own word: its machine
 * runs here over every record, as it does in each replica.
 */
import type { BlockHash, BlockRef } from '#chain/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { bigintFrom, type Hex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Random } from '#ports/random.ts'
import type { LogRecord } from '#ports/record-log.ts'
import type { Alarm } from '#protocol/feed/effects.ts'
import { createFeedMachine } from '#protocol/feed/machine.ts'
import type { FeedRecord, FramePart, Generation, RecordBody } from '#protocol/feed/records.ts'
import { decodeRecord } from '#wire/record.ts'

/** Blocks below the cluster's head that are remembered one by one; what is older is settled: canonical there, or out of the question. */
const REMEMBERED_BLOCKS = 1_024

export interface ReadBack {
  /** @throws Fault master/duplicate-id, and those of decodeRecord */
  take(record: LogRecord): void
  /** Takes the next epoch and an incarnation, once the feed has been read to its end. */
  begin(): void
  /** The first generation record and the cluster that it founded. */
  generation(): { readonly cluster: string; readonly body: Generation } | undefined
  /** A record of ours with the next sequence; `cluster` only for the generation record. */
  envelope(body: RecordBody, cluster?: string): FeedRecord
  /** After a failed append: the next sequence follows the last of ours that is on the feed. */
  resumeSequence(): void
  /** The block with this delta is not whole on the feed, and would still count if it were. */
  needs(block: BlockRef, deltaHash: Hex): boolean
  hasWhole(hash: BlockHash): boolean
  /** Up to here every canonical block is whole. */
  settledNumber(): number
}

interface Producer {
  epoch: number
  incarnation: bigint
  sequence: number
  unfinished: { digest: Hex; parts: number } | undefined
}

/** `onAlarm` is told what the cluster's fork choice finds wrong. */
export function createReadBack(id: string, random: Random, onAlarm: (alarm: Alarm) => void): ReadBack {
  const machine = createFeedMachine()
  const producers = new Map<string, Producer>()
  const whole = new Map<BlockHash, { readonly number: number; readonly deltas: Set<Hex> }>()
  const incarnation = bigintFrom(random.bytes(8))
  let founded: { cluster: string; body: Generation } | undefined
  let epoch: number | undefined
  let sequence = 0

  const settledNumber = (): number => {
    const heads = machine.heads()
    return heads === undefined ? 0 : Math.max(heads.finalized.number, heads.head.number - REMEMBERED_BLOCKS)
  }
  const complete = ({ block, deltaHash }: FramePart): void => {
    const known = whole.get(block.hash)
    if (known === undefined) whole.set(block.hash, { number: block.number, deltas: new Set([deltaHash]) })
    else known.deltas.add(deltaHash)
  }
  /** Now and then, not at each record: a walk over all that is remembered. */
  const forgetSettled = (): void => {
    if (whole.size <= 2 * REMEMBERED_BLOCKS) return
    for (const [hash, block] of whole) if (block.number < settledNumber()) whole.delete(hash)
  }
  const isOurs = (record: FeedRecord): boolean =>
    record.producer === id && record.epoch === epoch && record.incarnation === incarnation

  return {
    take({ position, bytes }) {
      const record = decodeRecord(bytes)
      if (record.body.kind === 'generation') founded ??= { cluster: record.cluster, body: record.body }
      if (record.cluster !== founded?.cluster) return
      for (const effect of machine.step(position, record)) if (effect.kind === 'alarm') onAlarm(effect.alarm)
      const producer = placeOf(producers, record)
      if (producer === undefined) return
      if (record.producer === id && epoch !== undefined && record.epoch >= epoch && !isOurs(record))
        throw new Fault(
          'master/duplicate-id',
          `another master runs as ${id}: give each its own --id. This one ends, the other goes on`,
          { id, epoch: record.epoch, incarnation: String(record.incarnation) },
        )
      if (record.body.kind === 'framePart' && assembled(producer, record.body)) complete(record.body)
      if (record.body.kind === 'headEvent') forgetSettled()
    },
    begin() {
      assert(epoch === undefined, 'a life has one epoch')
      epoch = (producers.get(id)?.epoch ?? 0) + 1
    },
    generation: () => founded,
    envelope(body, cluster = founded?.cluster) {
      assert(
        epoch !== undefined && cluster !== undefined,
        'nothing is published before the feed has been read',
      )
      return { cluster, producer: id, epoch, incarnation, sequence: ++sequence, body }
    },
    resumeSequence() {
      const own = producers.get(id)
      sequence = own !== undefined && own.epoch === epoch ? own.sequence : 0
    },
    needs: (block, deltaHash) =>
      block.number > settledNumber() && whole.get(block.hash)?.deltas.has(deltaHash) !== true,
    hasWhole: (hash) => whole.has(hash),
    settledNumber,
  }
}

/** The producer's state for this record, or undefined where the record is to be dropped (an older life, a twin, seen before). */
function placeOf(producers: Map<string, Producer>, record: FeedRecord): Producer | undefined {
  const known = producers.get(record.producer)
  if (known === undefined || record.epoch > known.epoch) {
    const { epoch, incarnation, sequence } = record
    const fresh = { epoch, incarnation, sequence, unfinished: undefined }
    producers.set(record.producer, fresh)
    return fresh
  }
  if (record.epoch < known.epoch || record.incarnation !== known.incarnation) return undefined
  known.sequence = record.sequence
  return known
}

/** True where this part completes its frame. Parts come in order; anything else begins anew. */
function assembled(producer: Producer, part: FramePart): boolean {
  const { unfinished } = producer
  const continues = unfinished?.digest === part.frameDigest && unfinished.parts === part.index
  producer.unfinished =
    continues || part.index === 0 ? { digest: part.frameDigest, parts: part.index + 1 } : undefined
  return producer.unfinished?.parts === part.count
}
