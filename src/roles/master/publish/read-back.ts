/**
 * What this master has read back from the feed: the generation, its own place there, how it stands among the masters, and which frames are
 * whole with which delta. The one source of "is it published?": an append that was answered, an append of unknown outcome and a frame of
 * another master look the same here. Finds out, too, that another process lives under the same id. What is settled is the fork choice's
 * own word: its machine runs here over every record, as it does in each replica.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { bigintFrom, fromHex, fromUtf8, type Hex, toHex, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Random } from '#ports/random.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import type { Alarm } from '#protocol/feed/effects.ts'
import { type LeaseEffect, Leases, type LeasesState, type OpenLease } from '#protocol/feed/leases.ts'
import { createFeedMachine, restoreFeedMachine } from '#protocol/feed/machine.ts'
import type { Beat, FeedRecord, Generation, RecordBody } from '#protocol/feed/frames/records.ts'
import { WholeFrames, type WholeFramesState } from '#protocol/feed/frames/whole-frames.ts'
import { decodeRecord } from '#wire/record.ts'
import { masterLimits } from '#roles/master/limits.ts'
import { FeedIndex, type FeedIndexState, type Heads } from '#roles/master/from-feed/feed-index.ts'

/** Masters whose clients are remembered. */
const CLIENTS_MAX = 64
/** Settled blocks whose place on the feed is kept for the next life. */
const KEPT_SETTLED_MAX = masterLimits.keptIndexBlocksMax.value

/** Maintenance leases as the feed has them now. */
export interface LeaseBook {
  open(): readonly OpenLease[]
  standing(): ReturnType<Leases['standing']>
  /** Why our client may not stall now; undefined where it may. */
  whyNot(client: string, others: number): string | undefined
}

/** All that was read, as plain data: who goes on from it with the next record knows what one knows who has read the feed from its first. */
export interface ReadBackState {
  /** The record that founded the feed. */
  readonly generation: Hex
  readonly machine: string
  readonly canonical: readonly BlockRef[]
  readonly frames: WholeFramesState
  readonly leases: LeasesState
  readonly index: FeedIndexState
  readonly clients: readonly (readonly [string, Beat['client']])[]
}

export interface ReadBack {
  /** Undefined before the feed has a generation. */
  state(): ReadBackState | undefined
  /** Before anything is taken: as if the records up to that state had been. */
  restore(state: ReadBackState): void
  /** The newest record that was taken. */
  last(): LogRecord | undefined
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
  /** Our place among the masters that publish, 0 first; undefined while no record of ours is on the feed. */
  rank(): number | undefined
  /** What the cluster's fork choice says; undefined until the feed has a generation. */
  heads(): Heads | undefined
  /** Where the frames of the cluster's chain stand. */
  readonly index: FeedIndex
  /** The block with this delta is not whole on the feed, and would still count if it were. */
  needs(block: BlockRef, deltaHash: Hex): boolean
  hasWhole(hash: BlockHash): boolean
  /** Up to here every canonical block is whole. */
  settledNumber(): number
  readonly leases: LeaseBook
  /** Of each master: its client, and where others reach it, as its newest beat says. */
  clients(): ReadonlyMap<string, Beat['client']>
}

/** `onAlarm` is told what the cluster's fork choice finds wrong, `onLease` what becomes of maintenance leases. */
export function createReadBack(
  id: string,
  random: Random,
  told: { readonly onAlarm: (alarm: Alarm) => void; readonly onLease: (effect: LeaseEffect) => void },
): ReadBack {
  let machine = createFeedMachine()
  let frames = new WholeFrames()
  let leases = new Leases()
  let index = new FeedIndex()
  let clients = new Map<string, Beat['client']>()
  let newest: LogRecord | undefined
  const incarnation = bigintFrom(random.bytes(8))
  let founded: { cluster: string; body: Generation; bytes: Uint8Array } | undefined
  let epoch: number | undefined
  let sequence = 0
  const headNumber = (): number => machine.heads()?.head.number ?? 0

  const isOurs = (record: FeedRecord): boolean =>
    record.producer === id && record.epoch === epoch && record.incarnation === incarnation

  /** The master that was heard last is last; past the limit the first is forgotten. */
  const keep = (master: string, client: Beat['client']): void => {
    clients.delete(master)
    clients.set(master, client)
    if (clients.size > CLIENTS_MAX) clients.delete(clients.keys().next().value as string)
  }

  return {
    state: () =>
      founded && {
        generation: toHex(founded.bytes),
        machine: fromUtf8(machine.encode()),
        canonical: machine.canonical(),
        frames: frames.state(),
        leases: leases.state(),
        index: index.state(KEPT_SETTLED_MAX),
        clients: [...clients],
      },
    restore(state) {
      assert(newest === undefined, 'what was read before is restored before anything is read')
      const bytes = fromHex(state.generation)
      const { cluster, body } = decodeRecord(bytes)
      assert(body.kind === 'generation', 'a feed is founded by its generation')
      founded = { cluster, body, bytes }
      machine = restoreFeedMachine(utf8(state.machine), state.canonical)
      frames = new WholeFrames(state.frames)
      leases = new Leases(state.leases)
      index = new FeedIndex(state.index)
      clients = new Map(state.clients)
    },
    last: () => newest,
    take(taken) {
      const { position, bytes } = taken
      newest = taken
      const record = decodeRecord(bytes)
      if (record.body.kind === 'generation') founded ??= { cluster: record.cluster, body: record.body, bytes }
      if (record.cluster !== founded?.cluster) return
      const effects = machine.step(position, record)
      for (const effect of effects) if (effect.kind === 'alarm') told.onAlarm(effect.alarm)
      const now = machine.heads()
      if (now !== undefined) index.take(position, record, effects, now, frames.settledNumber())
      if (!frames.take(record)) return
      if (record.producer === id && epoch !== undefined && record.epoch >= epoch && !isOurs(record))
        throw new Fault(
          'master/duplicate-id',
          `another master runs as ${id}: give each its own --id. This one ends, the other goes on`,
          { id, epoch: record.epoch, incarnation: String(record.incarnation) },
        )
      const heads = machine.heads()
      if (heads === undefined) return
      frames.judged(heads)
      for (const effect of leases.take(position, record, heads.head.number)) told.onLease(effect)
      if (record.body.kind === 'beat') keep(record.producer, record.body.client)
    },
    begin() {
      assert(epoch === undefined, 'a life has one epoch')
      epoch = (frames.life(id)?.epoch ?? 0) + 1
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
      const own = frames.life(id)
      sequence = own !== undefined && own.epoch === epoch ? own.sequence : 0
    },
    rank: () => machine.rank(id),
    heads: () => machine.heads(),
    get index() {
      return index
    },
    needs: (block, deltaHash) => frames.needs(block, deltaHash),
    hasWhole: (hash) => frames.has(hash),
    settledNumber: () => frames.settledNumber(),
    clients: () => clients,
    leases: {
      open: () => leases.open(),
      standing: () => leases.standing(headNumber()),
      whyNot: (client, others) => leases.whyNot(id, client, others, headNumber()),
    },
  }
}
