/**
 * The master's first half: stands between one execution client and the feed. It reads the feed to its end, lines the own store up with
 * what is whole there, and then for each move of the client's head walks the branch, has it executed and proven by the executor,
 * and publishes. Beats tell the others how it stands, from a loop of their own that neither a slow client nor a heavy block stops.
 */
import { describeBlock } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { messageOf } from '#kernel/fault.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import { openScope, type Scope } from '#ports/scope.ts'
import type { Phase } from '#protocol/feed/frames/records.ts'
import { createAids } from './aid/aids.ts'
import { aborted, createBell } from './bell.ts'
import { createBlockTime } from './block-time.ts'
import { helpClient } from './aid/engine-help.ts'
import { createFeedFrames } from './from-feed/feed-frames.ts'
import { keepCheckpoints, resume } from './publish/checkpoint.ts'
import { openFeedLink } from './publish/feed-link.ts'
import { controlFlushes } from './aid/flush-control.ts'
import { backToCanonical, takeFromFeed } from './from-feed/from-feed.ts'
import { type Identified, identify } from './client/identify.ts'
import { joinFeed } from './publish/join.ts'
import { lineUp } from './publish/line-up.ts'
import { beat, beatOf, followHeads, poll } from './loops.ts'
import { patientExecutor } from './execute/patient-executor.ts'
import { createMaintenance, type Maintenance, type MaintenanceLines } from './maintenance/maintenance.ts'
import { peerClients } from './aid/peering.ts'
import { createPublisher } from './publish/publisher.ts'
import { createReadBack } from './publish/read-back.ts'
import {
  type FollowerCollaborators,
  type FollowerOptions,
  isClientTrouble,
  type Session,
  setPhase,
} from './client/session.ts'
import { createWalk } from './client/walk.ts'

/** How long a stopping master waits for its last words to reach the feed. */
const FAREWELL_MS_MAX = 2_000

export interface Follower {
  /** Until the signal is aborted; then says `draining` on the feed and ends.
   *  @throws Fault master/foreign-client, master/foreign-generation, master/foreign-cluster, master/duplicate-id, master/foreign-chain,
   *    store/foreign, feed/replaced */
  run(signal: AbortSignal): Promise<void>
  phase(): Phase
  readonly maintenance: Maintenance
}

export function createFollower(options: FollowerOptions, given: FollowerCollaborators): Follower {
  const parts = { ...given, executor: patientExecutor(given.executor, given) }
  const session: Session = {
    options,
    parts,
    news: createBell(),
    aids: createAids(given.log),
    phase: 'syncing',
    maintaining: false,
    beatNow() {},
    farewell: async () => {},
  }
  let lines: MaintenanceLines | undefined
  const maintenance = createMaintenance(session, () => lines)
  const opened = (found: MaintenanceLines): void => {
    lines = found
    for (const lease of found.book.open()) maintenance.take({ kind: 'granted', lease })
  }
  return {
    phase: () => session.phase,
    maintenance,
    async run(signal) {
      assert(session.phase === 'syncing', 'a follower runs once')
      const scope = openScope('follower')
      scope.defer(() => parts.executor.close())
      try {
        scope.spawn('client', (until) => parts.client.run(session.news.ring, until))
        scope.spawn('follow', (until) => follow(session, { maintenance, opened }, scope, until))
        await Promise.race([scope.failed, aborted(signal)])
        setPhase(session, 'draining')
        await Promise.race([session.farewell(), scope.failed, parts.clock.sleep(FAREWELL_MS_MAX)])
      } finally {
        await scope.close() // throws what the scope failed with, so not 'await using', which would wrap it
      }
    },
  }
}

async function follow(
  session: Session,
  {
    maintenance,
    opened,
  }: { readonly maintenance: Maintenance; readonly opened: (lines: MaintenanceLines) => void },
  scope: Scope,
  signal: AbortSignal,
): Promise<void> {
  const { options, parts } = session
  const identified = await identifyInTime(session, signal)
  const readBack = createReadBack(options.id, parts.random, {
    onAlarm: ({ code, ...facts }) =>
      parts.log.error('the feed disagrees with itself', { alarm: code, facts: JSON.stringify(facts) }),
    onLease: (effect) => maintenance.take(effect),
  })
  const work = createBell()
  const take = (record: LogRecord): void => {
    readBack.take(record)
    work.ring()
  }
  const { folder } = parts
  const from = folder && resume({ ...parts, folder, readBack })
  const link = await openFeedLink(take, parts, signal, from)
  scope.defer(() => link.close())
  readBack.begin()
  const identity = await joinFeed(options, {
    link,
    readBack,
    genesis: parts.genesis,
    identified,
    random: parts.random,
  })
  const blockTime = createBlockTime()
  const publisher = createPublisher({
    ...{ ...parts, link, readBack, work },
    ...{ blockTimeMs: blockTime.ms, partBytesMax: options.partBytesMax },
  })
  const linedUp = await lineUp(
    await parts.executor.ask('open', { identity, baseHeader: identified.baseHeader.rlp }),
    parts.executor,
    readBack,
  )
  session.clientHead = linedUp
  session.beatNow = () => publisher.beat(beatOf(session, identified.version))
  session.farewell = () => publisher.flushed()
  opened({ say: publisher.say, book: readBack.leases })
  scope.spawn('follow feed', (until) => link.follow(until))
  if (folder !== undefined)
    scope.spawn('keep checkpoints', (until) =>
      keepCheckpoints(link.identity, { ...parts, folder, readBack }, until),
    )
  scope.spawn('publish', (until) => publisher.run(until))
  scope.spawn('beat', (until) => beat(session, publisher, blockTime, identified.version, until))

  const frames = createFeedFrames(link.read)
  const feed = {
    ...parts,
    index: readBack.index,
    frames: createFeedFrames(link.read),
    finalizedNumber: () => readBack.heads()?.finalized.number ?? 0,
  }
  const start = await takeFromFeed(
    await backToCanonical(linedUp, feed),
    Number.POSITIVE_INFINITY,
    feed,
    signal,
  )
  parts.log.info('following', {
    cluster: identity.cluster,
    client: identified.version,
    head: describeBlock(start),
  })
  const walk = createWalk(start, {
    ...parts,
    onFrame: publisher.frame,
    onHead: publisher.head,
    fromFeed: (own, upTo, until) => takeFromFeed(own, upTo, feed, until),
  })
  scope.spawn('poll', (until) => poll(session, publisher, blockTime, until))
  scope.spawn('peer clients', (until) => peerClients(session, readBack.clients, until))
  scope.spawn('help the client', (until) => helpClient(session, { readBack, frames, blockTime }, until))
  scope.spawn('control flushes', (until) => controlFlushes(session, maintenance, until))
  await followHeads(session, walk, blockTime, signal)
}

/** Waits for the client as long as it takes; only a foreign one ends it. */
async function identifyInTime(session: Session, signal: AbortSignal): Promise<Identified> {
  for (;;) {
    await session.news.hear(signal)
    signal.throwIfAborted()
    try {
      return await identify(session.parts.client, session.parts.genesis)
    } catch (thrown) {
      if (!isClientTrouble(thrown)) throw thrown
      session.parts.log.warn('the execution client does not say what it is', { reason: messageOf(thrown) })
      await session.parts.clock.sleep(session.options.beatMs, signal)
      session.news.ring()
    }
  }
}
