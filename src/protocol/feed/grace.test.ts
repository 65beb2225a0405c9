import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { GRACE_MS_MIN, ReadBackTimes } from './grace.ts'

const blockTime = fc.option(fc.integer({ min: 1, max: 12_000 }), { nil: undefined })

test('a grace is at least the least, at most half a block time, and in between twice what reading back takes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 90 }),
      blockTime,
      (times, blockMs) => {
        const readBack = new ReadBackTimes()
        for (const time of times) readBack.add(time)
        // Of so few the 99th percentile is the slowest.
        const twice = 2 * Math.max(0, ...times)
        const most = blockMs === undefined ? Number.POSITIVE_INFINITY : blockMs / 2
        const grace = readBack.graceMs(blockMs)
        assert.equal(readBack.p99Ms(), twice / 2)
        if (most <= GRACE_MS_MIN || twice <= GRACE_MS_MIN) assert.equal(grace, GRACE_MS_MIN)
        else assert.equal(grace, Math.min(twice, most))
      },
    ),
  )
})

test('one slow append of hundreds does not count, and what is long ago is forgotten', () => {
  const readBack = new ReadBackTimes()
  readBack.add(20_000)
  for (let i = 0; i < 200; i++) readBack.add(10)
  assert.equal(readBack.p99Ms(), 10)
  for (let i = 0; i < 5; i++) readBack.add(5_000)
  assert.equal(readBack.p99Ms(), 5_000)
  for (let i = 0; i < 256; i++) readBack.add(40)
  assert.equal(readBack.graceMs(undefined), 80)
})
