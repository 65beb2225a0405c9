import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Clock } from '#ports/clock.ts'
import { silent } from '#ports/logger.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { readerHere } from '#roles/replica/testing/reader.ts'
import type { Reader, StartReader } from './ready-frame.ts'
import { restarted } from './restarted.ts'

const RESTARTS_MAX = replicaLimits.readerRestartsMax.value
const { signal } = new AbortController()

async function feedOf(records: number) {
  const feed = createMemoryRecordLog()
  if (records > 0) await feed.append(Array.from({ length: records }, (_, i) => Uint8Array.of(i)))
  return feed
}

/** Time passes only while somebody sleeps, and while a reader is asked, so much each time. */
function hastyClock(askedMs = 0) {
  let nowMs = 0
  const sleeps: number[] = []
  const clock: Clock = {
    ...createVirtualClock(),
    nowMs: () => (nowMs += askedMs),
    sleep: async (delayMs) => {
      nowMs += delayMs
      sleeps.push(delayMs)
    },
  }
  return { clock, sleeps }
}

async function positionsOf(reader: Reader): Promise<number[]> {
  const positions: number[] = []
  for (;;) {
    const records = await reader.next()
    if (records === undefined) return positions
    positions.push(...records.map(({ position }) => position))
  }
}

/** Each attempt ends after so many messages of a reader; those after them go to the end. */
function dyingAfter(feed: Awaited<ReturnType<typeof feedOf>>, deaths: readonly number[], readers: number) {
  let attempt = 0
  const from: number[] = []
  const start: StartReader = (stretch, until) => {
    from.push(stretch.from)
    const messagesMax = deaths[attempt++]
    return readerHere(feed, { readers, ...(messagesMax !== undefined && { messagesMax }) })(stretch, until)
  }
  return { start, from }
}

test('wherever reading ahead ends and begins again, every record of the stretch is given once and in order', async () => {
  const story = fc.record({
    records: fc.integer({ min: 1, max: 40 }),
    from: fc.nat(20),
    readers: fc.integer({ min: 1, max: 3 }),
    deaths: fc.array(fc.nat(4), { maxLength: RESTARTS_MAX }),
  })
  await fc.assert(
    fc.asyncProperty(story, async ({ records, from, readers, deaths }) => {
      const feed = await feedOf(from + records)
      const { start, from: begun } = dyingAfter(feed, deaths, readers)
      const { clock, sleeps } = hastyClock()
      const stretch = { from, end: from + records, verify: 'digest', aheadBytesMax: 1_000 } as const
      const reader = await restarted(start, { clock, log: silent })(stretch, signal)
      assert.deepEqual(
        await positionsOf(reader),
        Array.from({ length: records }, (_, i) => from + i),
      )
      await reader.close()
      assert.equal(sleeps.length, begun.length - 1)
      assert.deepEqual(
        sleeps,
        sleeps.map((_, i) => 100 * 2 ** i),
      )
    }),
    { numRuns: 60 },
  )
})

test('after the last try nothing comes any more, and a steady reader has all tries again', async () => {
  const stretch = { from: 0, end: 200, verify: 'digest', aheadBytesMax: 1_000 } as const
  const always = Array.from({ length: 100 }, () => 1)
  for (const [askedMs, isGivenUp] of [
    [0, true],
    [30_000, false],
  ] as const) {
    const { start, from } = dyingAfter(await feedOf(stretch.end), always, 1)
    const { clock, sleeps } = hastyClock(askedMs)
    const said: unknown[] = []
    const log = { ...silent, warn: (_: string, fields?: object) => void said.push(fields) }
    const reader = await restarted(start, { clock, log, why: () => 'the feed is away' })(stretch, signal)
    const positions = await positionsOf(reader)
    assert.equal(positions.length < stretch.end, isGivenUp)
    if (isGivenUp) assert.equal(from.length, 1 + RESTARTS_MAX)
    else assert.ok(sleeps.length > RESTARTS_MAX && sleeps.every((ms) => ms === 100), String(sleeps))
    assert.deepEqual(said[0], { position: 3, reason: 'the feed is away', pauseMs: 100 })
  }
})

test('one that is closed or whose work is not wanted any more does not begin again', async () => {
  const stretch = { from: 0, end: 9, verify: 'digest', aheadBytesMax: 1_000 } as const
  const feed = await feedOf(stretch.end)
  const closed = dyingAfter(feed, [1], 1)
  const reader = await restarted(closed.start, { clock: hastyClock().clock, log: silent })(stretch, signal)
  await reader.close()
  await positionsOf(reader)
  assert.equal(closed.from.length, 1)

  const given = dyingAfter(feed, [0], 1)
  const stop = new AbortController()
  const clock = createVirtualClock()
  const pausing = await restarted(given.start, { clock, log: silent })(stretch, stop.signal)
  const rest = positionsOf(pausing)
  await clock.advance(99)
  stop.abort()
  assert.deepEqual(await rest, [])
  await clock.advance(1_000)
  assert.equal(given.from.length, 1)
})
