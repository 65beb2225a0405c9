/**
 * The follower's loops. Heads: one at a time, always the client's newest. Beats: at a pace of their own. Poll: safe and finalized, which
 * no subscription tells, and the head, because clients forget to tell some (a reorganisation asked of anvil, a silent subscription).
 */
import { type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { Beat } from '#protocol/feed/frames/records.ts'
import type { BlockTime } from './block-time.ts'
import { fetchRef } from './client/fetch.ts'
import { masterLimits } from './limits.ts'
import type { Publisher } from './publish/publisher.ts'
import { isClientTrouble, type Session, setPhase } from './client/session.ts'
import type { Walk } from './client/walk.ts'

/** Beats are never closer than this, however short the block time; nor are looks at the client's marks, which are three calls each. */
const BEAT_MS_MIN = masterLimits.beatPauseMinMs.value
const POLL_MS_MIN = masterLimits.pollPauseMinMs.value

export async function followHeads(
  session: Session,
  walk: Walk,
  blockTime: BlockTime,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, log, metrics } = session.parts
  for (let target: BlockRef | undefined; ; ) {
    await session.news.hear(signal)
    if (signal.aborted) return
    try {
      target = await fetchRef(client, 'latest')
      const settled = session.settledHead
      if (target === undefined || (settled !== undefined && sameBlock(target, settled))) continue
      blockTime.headArrived(clock.nowMs(), target.number - (settled ?? target).number)
      metrics.clientHead.set(target.number)
      session.clientHead = target
      const outcome = await walk.advance(target, signal)
      if (outcome === 'left') continue // the client went elsewhere meanwhile: the poll sees another head
      session.settledHead = target
      setPhase(session, outcome === 'reached' ? 'serving' : 'syncing')
    } catch (thrown) {
      if (signal.aborted) return
      if (!isClientTrouble(thrown)) throw thrown
      if (faultCode(thrown) !== 'master/client-garbled') {
        log.warn('a new head could not be followed; the poll tries again', { reason: messageOf(thrown) })
        continue
      }
      // What cannot be decoded now cannot be a moment later (anvil's impersonated transactions have no signature): wait for another head.
      log.error('the client gives a block that is none', { reason: messageOf(thrown) })
      metrics.refused.add(1)
      if (target !== undefined) session.settledHead = target
      setPhase(session, 'syncing')
    }
  }
}

/** Every beat's time: at most the option, half a block time where that is shorter. */
export async function beat(
  session: Session,
  publisher: Publisher,
  blockTime: BlockTime,
  version: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    publisher.beat(beatOf(session, version))
    await session.parts.clock.sleep(pauseMs(session, blockTime, BEAT_MS_MIN), signal)
  }
}

/** The option, or half a block time where that is shorter. */
function pauseMs(session: Session, blockTime: BlockTime, minMs: number): number {
  const half = (blockTime.ms() ?? Number.POSITIVE_INFINITY) / 2
  return Math.min(session.options.beatMs, Math.max(half, minMs))
}

/** A master without its client leads nobody: it says `syncing` until it is back. */
export function beatOf(session: Session, version: string): Beat {
  const away = session.phase === 'serving' && !session.parts.client.connected()
  const phase =
    session.maintaining && session.phase !== 'draining' ? 'maintaining' : away ? 'syncing' : session.phase
  const head = session.clientHead as BlockRef
  const { enode } = session
  const client = { id: session.options.clientId, version, ...(enode !== undefined && { enode }) }
  return { kind: 'beat', phase, head, client }
}

export async function poll(
  session: Session,
  publisher: Publisher,
  blockTime: BlockTime,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, executor, log } = session.parts
  while (!signal.aborted) {
    try {
      const [head, safe, finalized] = await Promise.all(
        ['latest', 'safe', 'finalized'].map((tag) => fetchRef(client, tag)),
      )
      if (head !== undefined && (session.settledHead === undefined || !sameBlock(head, session.settledHead)))
        session.news.ring()
      publisher.marks(safe, finalized)
      if (finalized !== undefined) await executor.ask('finalize', { number: finalized.number })
    } catch (thrown) {
      if (signal.aborted || !isClientTrouble(thrown)) throw thrown
      log.debug('the client could not be polled', { reason: messageOf(thrown) })
    }
    await clock.sleep(pauseMs(session, blockTime, POLL_MS_MIN), signal)
  }
}
