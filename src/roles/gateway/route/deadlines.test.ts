import assert from 'node:assert/strict'
import test from 'node:test'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { createDeadlines } from './deadlines.ts'

function deadlines() {
  const clock = createVirtualClock()
  const late: number[] = []
  const kept = createDeadlines(clock, (id) => late.push(id))
  const after = (id: number, delayMs: number): void => kept.set(id, clock.nowMs() + delayMs)
  return { clock, late, kept, after }
}

test('each is told when its own time is over, whatever the order in which they were set', async () => {
  const { clock, late, after } = deadlines()
  after(1, 300)
  after(2, 100)
  after(3, 200)
  await clock.advance(99)
  assert.deepEqual(late, [])
  await clock.advance(1)
  assert.deepEqual(late, [2])
  await clock.advance(100)
  assert.deepEqual(late, [2, 3])
  after(4, 50)
  await clock.advance(50)
  assert.deepEqual(late, [2, 3, 4])
  await clock.advance(50)
  assert.deepEqual(late, [2, 3, 4, 1])
})

test('one that was cleared is never told, and the others still are', async () => {
  const { clock, late, kept, after } = deadlines()
  after(1, 100)
  after(2, 200)
  kept.clear(1)
  await clock.advance(200)
  assert.deepEqual(late, [2])
  after(3, 100)
  kept.close()
  await clock.advance(1_000)
  assert.deepEqual(late, [2])
})
