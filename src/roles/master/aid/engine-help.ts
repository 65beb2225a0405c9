/**
 * Brings a client that lags behind the feed to its head through the Engine API, where its operator allows it (`--engine`). The blocks are on
 * the feed, proven: each is given to the client (`engine_newPayload`), which executes it itself, and now and then its head is moved there
 * (`engine_forkchoiceUpdated`). Only blocks on top of the client's own head are given, so it is never moved back or to another branch; where
 * somebody else moves it meanwhile, a consensus client, the help stops and looks again later. It ends when the client is level.
 */
import { type BlockRef, describeBlock, sameBlock } from '#chain/block/block-ref.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { BlockTime } from '#roles/master/block-time.ts'
import type { RpcOutcome } from '#roles/master/client/calls.ts'
import type { EngineClient } from './engine-client.ts'
import type { FeedFrame, FeedFrames } from '#roles/master/from-feed/feed-frames.ts'
import { isTransient } from '#roles/master/publish/feed-link.ts'
import { fetchRef } from '#roles/master/client/fetch.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { ReadBack } from '#roles/master/publish/read-back.ts'
import { isClientTrouble, type Session } from '#roles/master/client/session.ts'

/** Further behind than this, in blocks and in the time that they took, a client is helped. */
const BEHIND_BLOCKS_MAX = 3
const BEHIND_MS_MIN = masterLimits.engineBehindMinMs.value
/** The client's head is moved after so many blocks, and after the last. */
const MOVED_EVERY_BLOCKS = 64
/** How often it is looked whether the own store has reached a block. */
const OWN_LOOK_MS = 50
const NO_BLOCK = `0x${'00'.repeat(32)}`
const WHAT = 'engine help'

export interface EngineHelpParts {
  readonly readBack: ReadBack
  readonly frames: FeedFrames
  readonly blockTime: BlockTime
}

/** Until the signal is aborted; returns at once where there is no engine. */
export async function helpClient(
  session: Session,
  feed: EngineHelpParts,
  signal: AbortSignal,
): Promise<void> {
  const { engine, clock, log } = session.parts
  if (engine === undefined) return
  while (!signal.aborted) {
    try {
      if (!session.maintaining) await helpOnce(session, engine, feed, signal)
    } catch (thrown) {
      const isPassing = isClientTrouble(thrown) || isTransient(thrown) || faultCode(thrown) === 'feed/too-old'
      if (signal.aborted || !isPassing) throw thrown
      log.debug('the client could not be helped', { reason: messageOf(thrown) })
    }
    await clock.sleep(session.options.beatMs, signal)
  }
}

async function helpOnce(
  session: Session,
  engine: EngineClient,
  feed: EngineHelpParts,
  signal: AbortSignal,
): Promise<void> {
  const { aids, parts } = session
  const { client, log, clock, metrics } = parts
  const start = await fetchRef(client, 'latest')
  const head = feed.readBack.heads()?.head
  if (start === undefined || head === undefined) return
  const behind = head.number - start.number
  const blockMs = feed.blockTime.ms() ?? BEHIND_MS_MIN
  if (behind <= BEHIND_BLOCKS_MAX || behind * blockMs < BEHIND_MS_MIN)
    return aids.tell(WHAT, 'on: the client is at the head', 'info')
  const startedMs = clock.nowMs()
  const given = await giveAll(session, engine, feed, start, signal)
  if (given.blocks === 0) return
  metrics.engineBlocks.add(given.blocks)
  log.info('the client was given blocks of the feed', {
    ...{ from: describeBlock(start), to: describeBlock(given.to), blocks: given.blocks },
    ms: Math.round(clock.nowMs() - startedMs),
  })
}

async function giveAll(
  session: Session,
  engine: EngineClient,
  feed: EngineHelpParts,
  start: BlockRef,
  signal: AbortSignal,
): Promise<{ readonly to: BlockRef; readonly blocks: number }> {
  const { aids } = session
  let moved = start
  let at = start
  let blocks = 0
  const done = (): { to: BlockRef; blocks: number } => ({ to: moved, blocks: moved.number - start.number })
  const move = async (): Promise<boolean> => {
    if (sameBlock(at, moved)) return true
    if (!(await moveHead(session, engine, feed.readBack, moved, at))) return false
    moved = at
    return true
  }
  for (;;) {
    signal.throwIfAborted()
    const positions = feed.readBack.index.above(at, MOVED_EVERY_BLOCKS)
    if (positions.length === 0 && sameBlock(at, start))
      aids.tell(WHAT, 'waits: the client is on a branch that is not on the feed, or older than it', 'warn')
    for (const position of positions) {
      signal.throwIfAborted()
      const frame = await feed.frames.at(position)
      if (frame === undefined || frame.parent !== at.hash) break
      const call = await payloadOf(session, frame, move, signal)
      if ('why' in call) {
        aids.tell(WHAT, `stopped below block ${frame.block.number}: ${call.why}`, 'warn')
        await move()
        return done()
      }
      const why = refusalOf(await engine.ask(call.method, call.params), (result) => result)
      if (why !== undefined) {
        aids.tell(WHAT, `the client does not take block ${frame.block.number}: ${why}`, 'warn')
        await move()
        return done()
      }
      at = frame.block
      blocks++
    }
    if (blocks === 0 || !(await move())) return done()
    blocks = 0
  }
}

/** The call, or why there is none. What only executing tells waits until the own store has the parent, which follows the client's head. */
async function payloadOf(
  session: Session,
  frame: FeedFrame,
  move: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<{ method: string; params: readonly unknown[] } | { why: string }> {
  const { executor, clock } = session.parts
  const endMs = clock.nowMs() + masterLimits.engineOwnStoreTimeMaxMs.value
  for (let isMoved = false; ; ) {
    const answer = await executor.ask('payload', frame)
    if (answer.kind === 'payload') return answer
    if (answer.kind === 'never' || clock.nowMs() > endMs) return { why: answer.why }
    if (!isMoved && !(await move())) return { why: 'somebody else moves its head' }
    isMoved = true
    await clock.sleep(OWN_LOOK_MS, signal)
  }
}

/** False where the client's head is not where it was left: somebody else moves it. */
async function moveHead(
  { parts: { client }, aids }: Session,
  engine: EngineClient,
  readBack: ReadBack,
  from: BlockRef,
  to: BlockRef,
): Promise<boolean> {
  const [latest, safe, finalized] = await Promise.all(
    ['latest', 'safe', 'finalized'].map((tag) => fetchRef(client, tag)),
  )
  if (latest === undefined || !sameBlock(latest, from)) {
    aids.tell(WHAT, 'waits: somebody else moves the client’s head', 'info')
    return false
  }
  const heads = readBack.heads()
  // Only up, and only what is on the way to this head; no block means that the client keeps its own.
  const up = (ours: BlockRef | undefined, theirs: BlockRef | undefined): string =>
    ours !== undefined && ours.number <= to.number && ours.number > (theirs?.number ?? 0)
      ? ours.hash
      : NO_BLOCK
  const state = {
    headBlockHash: to.hash,
    safeBlockHash: up(heads?.safe, safe),
    finalizedBlockHash: up(heads?.finalized, finalized),
  }
  const outcome = await engine.ask('engine_forkchoiceUpdatedV3', [state, null])
  const why = refusalOf(outcome, (result) => (result as { payloadStatus?: unknown } | null)?.payloadStatus)
  if (why === undefined) aids.tell(WHAT, 'on: the client is behind, and is given blocks', 'info')
  else aids.tell(WHAT, `the client does not take block ${to.number} as its head: ${why}`, 'warn')
  return why === undefined
}

/** Undefined for VALID. SYNCING and ACCEPTED say that it has not the parents, or not their state. */
function refusalOf(outcome: RpcOutcome, statusIn: (result: unknown) => unknown): string | undefined {
  if ('error' in outcome) return outcome.error.message
  const { status, validationError } = (statusIn(outcome.result) ?? {}) as {
    status?: string
    validationError?: string | null
  }
  return status === 'VALID'
    ? undefined
    : `${status ?? 'no status'}${validationError ? ` (${validationError})` : ''}`
}
