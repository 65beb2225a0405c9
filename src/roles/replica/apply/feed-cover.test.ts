import assert from 'node:assert/strict'
import test from 'node:test'
import type { Logger } from '#ports/logger.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { createApplierMetrics } from './applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { coverSeconds, watchFeedCover } from './feed-cover.ts'

test('a feed covers a store for as long as it takes to come as far as the store is from its start', () => {
  const at = (atMs: number, first: number, next: number) => ({ atMs, first, next })
  assert.equal(coverSeconds([], 10), undefined)
  assert.equal(coverSeconds([at(0, 0, 100)], 10), Number.POSITIVE_INFINITY)
  assert.equal(coverSeconds([at(0, 50, 100)], 80), undefined)
  assert.equal(coverSeconds([at(0, 40, 100), at(10_000, 50, 120)], 80), 15) // 30 records at two a second
  assert.equal(coverSeconds([at(0, 40, 100), at(10_000, 90, 120)], 80), 0)
  assert.equal(coverSeconds([at(0, 40, 100), at(10_000, 50, 100)], 80), undefined) // nothing comes
})

test('somebody is told once when the feed covers too little, and once when it is enough again', async () => {
  const clock = createVirtualClock()
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  const told: string[] = []
  const log: Logger = {
    ...silent,
    warn: (message) => void told.push(`warn ${message}`),
    info: (message) => void told.push(`info ${message}`),
  }
  let next = 1_000
  let first = 0
  const stop = new AbortController()
  const metrics = createApplierMetrics(createMeterRegistry())
  // Ten records a look; the store follows at the end.
  const bounds = async () => {
    next += 10
    board.setApplied(next)
    return { first, next }
  }
  const watching = watchFeedCover(
    { feedCoverMinMs: 100_000 },
    { board, clock, log, metrics, bounds },
    stop.signal,
  )
  await clock.advance(30_000)
  assert.deepEqual(board.feedCover(), { first: 0, seconds: Number.POSITIVE_INFINITY })
  first = 1_000
  await clock.advance(30_000)
  assert.equal(board.feedCover()?.first, 1_000)
  assert.match(told.join('\n'), /^warn the feed covers this store for a short time/)
  assert.equal(told.length, 1)
  await clock.advance(120_000) // it grows, and nothing is dropped
  assert.match(told[1] ?? '', /^info .* long enough again/)
  assert.equal(told.length, 2)
  stop.abort()
  await watching
})
