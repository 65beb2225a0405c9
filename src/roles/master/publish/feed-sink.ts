/** Where an import's frames go: a feed, of which the importer is a master like any other, or nowhere. */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import type { Scope } from '#ports/scope.ts'
import type { Phase } from '#protocol/feed/frames/records.ts'
import type { StoreIdentity } from '#state/identity.ts'
import { createBell } from '#roles/master/bell.ts'
import { openFeedLink } from './feed-link.ts'
import { joinFeed } from './join.ts'
import { lineUp } from './line-up.ts'
import type { EncodedFrame, ExecutorDoor } from '#roles/master/execute/messages.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'
import { createPublisher } from './publisher.ts'
import { createReadBack } from './read-back.ts'

export interface FeedSink {
  /** Resolves when there is room for the next. */
  frame(frame: EncodedFrame, role: 'head' | 'passed'): Promise<void>
  /** This block is safe and finalized. */
  final(block: BlockRef): void
  /** Resolves when all is on the feed. */
  flushed(): Promise<void>
  /** Says on the feed how the importer stands. */
  phase(phase: Phase): void
}

export interface SinkOptions {
  readonly id: string
  readonly cluster: string | undefined
  readonly beatMs: number
}

export interface SinkParts {
  readonly openLog: () => Promise<RecordLog>
  readonly executor: ExecutorDoor
  readonly genesis: Genesis
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: MasterMetrics
}

const VERSION = 'file/1'

/** Joins the feed, brings the own store to where the feed stands, and beats until the scope ends. */
export async function openFeedSink(
  options: SinkOptions,
  parts: SinkParts,
  scope: Scope,
): Promise<{ sink: FeedSink; start: BlockRef }> {
  const { executor, genesis, clock } = parts
  const readBack = createReadBack(options.id, parts.random, {
    onAlarm: ({ code, ...facts }) =>
      parts.log.error('the feed disagrees with itself', { alarm: code, facts: JSON.stringify(facts) }),
    onLease() {}, // a file does not stall
  })
  const work = createBell()
  const take = (record: LogRecord): void => {
    readBack.take(record)
    work.ring()
  }
  const link = await openFeedLink(take, parts, scope.signal)
  scope.defer(() => link.close())
  readBack.begin()
  const identified = { baseHeader: genesis.header, version: VERSION }
  const identity = await joinFeed(options, { link, readBack, genesis, identified, random: parts.random })
  const publisher = createPublisher({ ...parts, link, readBack, work })
  const start = await lineUp(
    await executor.ask('open', { identity, baseHeader: genesis.header.rlp }),
    executor,
    readBack,
  )
  let head = start
  let phase: Phase = 'syncing'
  const beat = (): void =>
    publisher.beat({ kind: 'beat', phase, head, client: { id: 'file', version: VERSION } })
  scope.spawn('follow feed', (until) => link.follow(until))
  scope.spawn('publish', (until) => publisher.run(until))
  scope.spawn('beat', async (until) => {
    for (; !until.aborted; await clock.sleep(options.beatMs, until)) beat()
  })
  const sink: FeedSink = {
    frame(frame, role) {
      head = frame.block
      return publisher.frame(frame, role)
    },
    final: (block) => publisher.marks(block, block),
    flushed: () => publisher.flushed(),
    phase(next) {
      phase = next
      beat()
    },
  }
  return { sink, start }
}

/** For an import into a store alone. */
export async function openNoSink(
  executor: ExecutorDoor,
  genesis: Genesis,
): Promise<{ sink: FeedSink; start: BlockRef }> {
  const identity: StoreIdentity = {
    cluster: 'file',
    chainId: genesis.config.chainId,
    genesisHash: genesis.header.hash,
    generation: 1,
    feed: 'none',
  }
  const start = await executor.ask('open', { identity, baseHeader: genesis.header.rlp })
  return { sink: { frame: async () => {}, final() {}, flushed: async () => {}, phase() {} }, start }
}
