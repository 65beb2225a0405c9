import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { Fault } from '#kernel/fault.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openStore } from '#state/open-store.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { createApplierMetrics } from './applier-metrics.ts'
import { type AnswererAsks, type ApplierNews, BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { followFeed } from './follow-feed.ts'
import { beatAt, Feed, headAt, partsOf, stored } from '#roles/replica/testing/feed.ts'

/** A feed that can be away: then every use of it fails, also of what was opened before. */
class Line {
  readonly #feed: Feed
  #lost = Promise.withResolvers<never>()
  isAway = false
  opened = 0

  constructor(feed: Feed) {
    this.#feed = feed
    this.#lost.promise.catch(() => {})
  }
  cut(): void {
    this.isAway = true
    this.#lost.reject(new Fault('feed/lost', 'cut'))
  }
  mend(): void {
    this.isAway = false
    this.#lost = Promise.withResolvers<never>()
    this.#lost.promise.catch(() => {})
  }
  open = async (): Promise<RecordLog> => {
    if (this.isAway) throw new Fault('net/unreachable', 'nobody listens')
    this.opened++
    const { log } = this.#feed
    const lost = this.#lost.promise
    return {
      ...log,
      bounds: () => Promise.race([lost, log.bounds()]),
      async *tail(from, signal) {
        const inner = log.tail(from, signal)[Symbol.asyncIterator]()
        for (;;) {
          const { done, value } = await Promise.race([lost, inner.next()])
          if (done === true) return
          yield value
        }
      },
    }
  }
}

/** A running replica without answer threads; whatever it tells them is kept. */
function follow(feed: Feed, kv: KeyValue = memoryKeyValue()) {
  const line = new Line(feed)
  const store = openStore(kv, { compress: stored })
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  const clock = createVirtualClock()
  const stop = new AbortController()
  const news: ApplierNews[] = []
  /** What was true when answer threads were told of a change. */
  const told: { readonly head: number; readonly ready: boolean }[] = []
  let ask: (message: AnswererAsks) => void = () => {}
  const look = () => {
    const snapshot = store.snapshot()
    const { heads, historyFrom, indexed } = snapshot
    snapshot.release()
    return { head: heads.head, historyFrom, indexed }
  }
  const running = followFeed(
    { horizon: { kind: 'blocks', blocks: 128 }, verify: 'digest', prove: 'receipts', staleAfterMs: 600_000 },
    {
      store,
      board,
      clock,
      compress: stored,
      log: silent,
      metrics: createApplierMetrics(createMeterRegistry()),
      genesis: feed.chain.genesis,
      openLog: line.open,
      answerers: {
        post(message) {
          news.push(message)
          told.push({ head: look().head.number, ready: board.isReady() })
        },
        onMessage: (handler) => (ask = handler),
      },
    },
    stop.signal,
  )
  running.catch(() => {}) // seen by who awaits it
  return {
    ...{ line, store, board, clock, news, told, running, look },
    ask: (message: AnswererAsks) => ask(message),
    async close(): Promise<void> {
      stop.abort()
      await clock.advance(0)
      await running
    },
  }
}
const last = (frames: readonly Frame[]): Frame => frames.at(-1) as Frame
const refAt = (frame: Frame) => refOf(frame.block.header)
async function publish(feed: Feed, frames: readonly Frame[], finalized?: Frame): Promise<void> {
  await feed.say('m1', ...frames.flatMap((frame) => partsOf(frame)), headAt(last(frames), finalized))
}

test('a replica waits for a feed that is still empty, makes its store, and is ready at the feed’s end', async () => {
  const feed = new Feed()
  const { clock, store, news, board, look, close } = follow(feed)
  await clock.advance(10)
  assert.equal(store.identity(), undefined)
  await feed.begin()
  await clock.advance(10)
  assert.equal(store.identity()?.cluster, 'test')
  assert.deepEqual(news[0], { kind: 'opened' })
  assert.ok(board.isReady())
  const frames = feed.branch(undefined, '', 3)
  await publish(feed, frames)
  await clock.advance(10)
  assert.deepEqual(look().head, refAt(last(frames)))
  assert.equal(board.applied(), (await feed.log.bounds()).next)
  assert.equal(board.announcedNumber(), 3)
  await close()
})

test('far behind, many blocks are one transaction, and a replica is not ready before the feed’s end', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames = feed.branch(undefined, '', 200)
  for (const frame of frames) await publish(feed, [frame])
  const { clock, look, close, told } = follow(feed)
  await clock.advance(10)
  assert.deepEqual(look().head, refAt(last(frames)))
  assert.deepEqual(
    told.filter(({ head }) => head > 0).map(({ head, ready }) => `${head} ${ready ? 'ready' : 'not ready'}`),
    ['64 not ready', '128 not ready', '192 not ready', '200 not ready', '200 ready'],
  )
  await close()
})

test('when the feed is lost the replica finds it again, and goes on where it was', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames = feed.branch(undefined, '', 4)
  await publish(feed, frames.slice(0, 2))
  const { line, clock, look, ask, news, close } = follow(feed)
  await clock.advance(10)
  line.cut()
  await clock.advance(10_000)
  ask({ kind: 'askFeedEnd', nonce: 1 })
  await clock.advance(0)
  assert.deepEqual(news.at(-1), { kind: 'feedEnd', nonce: 1, next: undefined })
  await publish(feed, frames.slice(2))
  line.mend()
  await clock.advance(10_000)
  assert.deepEqual(look().head, refAt(last(frames)))
  assert.equal(line.opened, 2)
  ask({ kind: 'askFeedEnd', nonce: 2 })
  await clock.advance(0)
  assert.deepEqual(news.at(-1), { kind: 'feedEnd', nonce: 2, next: (await feed.log.bounds()).next })
  await close()
})

test('a held head is applied when its time is up though nothing more comes from the feed', async () => {
  const feed = new Feed()
  await feed.begin()
  await publish(feed, feed.branch(undefined, '', 4))
  const { clock, look, board, close } = follow(feed)
  await clock.advance(10)
  const short = feed.branch(undefined, 'short', 2)
  await publish(feed, short)
  await clock.advance(10)
  assert.equal(look().head.number, 4)
  await clock.advance(60_000)
  assert.deepEqual(look().head, refAt(last(short)))
  assert.equal(board.applied(), (await feed.log.bounds()).next)
  await close()
})

test('a head that is held back is not called applied because the feed was lost and found', async () => {
  const feed = new Feed()
  await feed.begin()
  await publish(feed, feed.branch(undefined, '', 4))
  const { clock, line, look, board, close } = follow(feed)
  await clock.advance(10)
  const before = board.applied()
  await publish(feed, feed.branch(undefined, 'short', 2))
  await clock.advance(10)
  line.cut()
  line.mend()
  await clock.advance(500)
  assert.equal(line.opened, 2)
  assert.equal(look().head.number, 4)
  assert.equal(board.applied(), before)
  await close()
})

test('when no record waits, history below the horizon goes', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames = feed.branch(undefined, '', 300)
  await publish(feed, frames, frames[298])
  const { clock, look, close } = follow(feed)
  await clock.advance(1_000)
  assert.equal(look().historyFrom, 300 - 128)
  await close()
})

test('after a block there is a pause before it is indexed, however many beats come, and none where blocks leave no room for one', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames = feed.branch(undefined, '', 5)
  const { clock, look, close } = follow(feed)
  await clock.advance(500)
  await publish(feed, frames.slice(0, 1))
  for (let i = 0; i < 4; i++) {
    await clock.advance(20)
    assert.deepEqual(look(), { head: refAt(frames[0] as Frame), historyFrom: 0, indexed: 0 })
    await feed.say('m1', beatAt(refAt(frames[0] as Frame)))
  }
  await clock.advance(30)
  assert.equal(look().indexed, 1)
  for (const [i, frame] of frames.slice(1).entries()) {
    await publish(feed, [frame])
    await clock.advance(20)
    assert.deepEqual(look().head, refAt(frame))
    assert.equal(look().indexed, i === 3 ? 5 : 1)
  }
  await close()
})

test('with the disk full nothing is applied and nothing ends; with room it goes on', async () => {
  const feed = new Feed()
  await feed.begin()
  const kv = memoryKeyValue()
  let isFull = false
  const disk: KeyValue = {
    ...kv,
    write(change) {
      if (isFull) throw new Fault('store/disk-low', 'full')
      return kv.write(change)
    },
  }
  const { clock, look, close } = follow(feed, disk)
  await clock.advance(10)
  isFull = true
  const frames = feed.branch(undefined, '', 2)
  await publish(feed, frames)
  await clock.advance(5_000)
  assert.equal(look().head.number, 0)
  isFull = false
  await clock.advance(2_000)
  assert.deepEqual(look().head, refAt(last(frames)))
  await close()
})

test('what no waiting heals ends the replica with its name', async () => {
  const feed = new Feed()
  await feed.begin()
  await feed.log.append([Uint8Array.of(1, 2, 3)])
  const { running, clock } = follow(feed)
  await clock.advance(10)
  await assert.rejects(running, { code: 'wire/malformed' })
})
