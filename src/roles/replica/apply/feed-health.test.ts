import assert from 'node:assert/strict'
import test from 'node:test'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { silent } from '#ports/logger.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { createApplierMetrics } from './applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { createFeedHealth } from './feed-health.ts'

const NO_BLOCKS = 0

/** A replica whose feed is what the test says. */
function replica({ staleAfterMs = 60_000 } = {}) {
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  const clock = createVirtualClock()
  const meter = createMeterRegistry()
  const moves: boolean[] = []
  const stop = new AbortController()
  let head = 0
  const health = createFeedHealth(
    { staleAfterMs },
    { board, clock, log: silent, metrics: createApplierMetrics(meter), head: () => head },
  )
  void health.watch(() => moves.push(board.isStale()), stop.signal)
  const value = (name: string): number =>
    Number(new RegExp(`^drover_replica_${name} (.*)$`, 'm').exec(meter.render())?.[1])
  /** Beats each half second, and a block each `blockMs`. */
  const live = async (ms: number, blockMs: number): Promise<void> => {
    for (let at = 0; at < ms; at += 500) {
      if (at % blockMs === 0) board.announce(board.announcedNumber() + 1)
      health.heard()
      await clock.advance(500)
    }
  }
  return {
    board,
    clock,
    moves,
    value,
    live,
    apply: (number: number) => (head = number),
    end: () => stop.abort(),
  }
}

test('a replica whose feed is silent leaves, and comes back when it is at the end and has been for a while', async () => {
  const { board, clock, moves, value, live, end } = replica()
  await live(10_000, 2_000)
  await clock.advance(59_000)
  assert.equal(board.isStale(), false)
  await clock.advance(2_000)
  assert.equal(board.isStale(), true)
  assert.ok(value('feed_silent_seconds') > 60)

  board.setFeedEnd(100) // found again, and much to read
  await live(10_000, 2_000)
  assert.equal(board.isStale(), true)
  board.setApplied(100)
  await live(2_000, 2_000)
  assert.equal(board.isStale(), true, 'not at once')
  await live(3_000, 2_000)
  assert.equal(board.isStale(), false)
  assert.deepEqual(moves, [true, false])
  end()
})

test('a chain that stands still is told from a feed that is silent, in block times', async () => {
  const { board, value, live, clock, end } = replica()
  board.announce(1)
  await live(60_000, 2_000)
  assert.equal(value('chain_stalled'), 0)
  await live(15_000, NO_BLOCKS)
  assert.equal(value('chain_stalled'), 0)
  await live(10_000, NO_BLOCKS)
  assert.equal(value('chain_stalled'), 1)
  assert.equal(board.isStale(), false)
  await live(4_000, 2_000)
  assert.equal(value('chain_stalled'), 0)
  await clock.advance(30_000)
  assert.equal(value('chain_stalled'), 0, 'nobody is heard: who knows')
  end()
})

test('how far the store is behind the masters is counted in blocks', async () => {
  const { value, live, apply, end } = replica()
  await live(20_000, 2_000)
  apply(7)
  await live(500, 2_000)
  assert.equal(value('behind_blocks'), 11 - 7)
  apply(11)
  await live(500, NO_BLOCKS)
  assert.equal(value('behind_blocks'), 0)
  end()
})
