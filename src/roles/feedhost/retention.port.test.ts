import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { utf8 } from '#kernel/bytes.ts'
import { checksum } from '#platform/checksum/crc32c.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { createRandom } from '#platform/random/random.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { LogSegment } from '#ports/record-log/record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { mountSmallDisk, smallDisksMissing } from '#test/fire/small-disk.ts'
import { waitFor } from '#test/support/wait.ts'
import { checkRetention, keepRetention, type RetentionOptions, whyDropped } from './retention.ts'
import { openSegmentedLog, type SegmentedLog } from './segmented-log.ts'

const WAIT_MS = 30_000
const HOUR_MS = 3_600_000
const LOOK_MS = 60_000
const YEAR_MS = 365 * 24 * HOUR_MS
/** Of a log that is opened: its first segment's time, and its own. */
const WALL_LOOKS = 2
const SEGMENT_BYTES = 2_000
const NEITHER = { retainBytes: undefined, retainAgeMs: undefined, segmentBytesMax: SEGMENT_BYTES }

test('who turns retention on must say what is lost, and a size must hold two segments', () => {
  const asked = { ...NEITHER, segmentBytesMax: 1_000, retainWithoutBase: false }
  checkRetention(asked)
  for (const on of [{ retainBytes: 10_000 }, { retainAgeMs: HOUR_MS }]) {
    assert.throws(() => checkRetention({ ...asked, ...on }), {
      code: 'options/retention',
      message: /no new replica and no new master.*--retain-without-base/,
    })
    checkRetention({ ...asked, ...on, retainWithoutBase: true })
  }
  assert.throws(() => checkRetention({ ...asked, retainBytes: 1_999, retainWithoutBase: true }), {
    code: 'options/retention',
  })
})

test('the oldest segment goes for the whole log’s size or its own age, the one that is written never', () => {
  const log = (...begunMs: readonly (number | undefined)[]): LogSegment[] =>
    begunMs.map((at, i) => ({ first: i * 10, next: i * 10 + 10, bytes: 100, begunMs: at }))
  const age = { ...NEITHER, retainAgeMs: 50 }
  const bytes = { ...NEITHER, retainBytes: 250, segmentBytesMax: 100 }
  assert.equal(whyDropped(log(1, 2, 3, 4), NEITHER, 1e15), undefined)
  assert.equal(whyDropped(log(1, 2), bytes, 1e15), undefined)
  assert.equal(whyDropped(log(1, 2, 3), bytes, 4), 'bytes')
  assert.equal(whyDropped(log(1), { retainBytes: 1, retainAgeMs: 1, segmentBytesMax: 100 }, 1e15), undefined)
  // Begun at 1, but written until the next was begun at 100.
  assert.equal(whyDropped(log(1, 100), age, 150), undefined)
  assert.equal(whyDropped(log(1, 100), age, 151), 'age')
  // A clock that was ahead, and segments of before there were times: both stay.
  assert.equal(whyDropped(log(1, 10_000), age, 151), undefined)
  assert.equal(whyDropped(log(undefined, undefined), age, 151), undefined)
})

interface Kept {
  readonly log: SegmentedLog
  readonly clock: ReturnType<typeof createVirtualClock>
}

async function withLog(retain: Partial<RetentionOptions>, run: (kept: Kept) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-retention-'))
  const clock = createVirtualClock()
  // From its second look on a year ahead.
  let looks = 0
  const jumping = { ...clock, wallMs: () => clock.wallMs() + (looks++ < WALL_LOOKS ? 0 : YEAR_MS) }
  const parts = {
    ...{ disk: createDisk(dir), random: createRandom(), checksum },
    ...{ clock: jumping, log: silent },
  }
  const log = await openSegmentedLog({ segmentBytesMax: SEGMENT_BYTES }, parts)
  const stop = new AbortController()
  const meter = createMeterRegistry()
  const kept = keepRetention({ ...NEITHER, ...retain }, { log, clock, logger: silent, meter }, stop.signal)
  try {
    await run({ log, clock })
  } finally {
    stop.abort()
    await kept
    await log.close()
    rmSync(dir, { recursive: true })
  }
}

const bytesOf = (log: SegmentedLog): number => log.segments().reduce((sum, { bytes }) => sum + bytes, 0)
const append = async (log: SegmentedLog, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await log.append([new Uint8Array(500)])
}

test('a log that is written on and on stays within its size', async () => {
  await withLog({ retainBytes: 8_000 }, async ({ log }) => {
    await append(log, 200)
    await waitFor('the oldest to be dropped', WAIT_MS, () => (bytesOf(log) <= 8_000 ? true : undefined))
    assert.equal(log.bounds().next, 200)
    assert.ok(log.bounds().first > 150, String(log.bounds().first))
  })
})

test('for their age segments go one a look, and a wall clock that jumps while the host runs moves nothing', async () => {
  await withLog({ retainAgeMs: HOUR_MS }, async ({ log, clock }) => {
    await append(log, 12)
    const begun = log.segments().length
    assert.ok(begun >= 3)
    await clock.advance(HOUR_MS)
    assert.equal(log.segments().length, begun)
    let before = begun
    await waitFor('all but the one that is written to go', WAIT_MS, async () => {
      await clock.advance(LOOK_MS)
      const { length } = log.segments()
      assert.ok(length >= before - 1, 'one a look')
      before = length
      return length === 1 ? true : undefined
    })
  })
})

test('on a full disk the oldest can be dropped, and appends go on', {
  skip: smallDisksMissing() ?? false,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-retention-'))
  const disk = mountSmallDisk(dir, 1)
  try {
    const parts = {
      ...{ disk: createDisk(dir), random: createRandom(), checksum },
      ...{ clock: createVirtualClock(), log: silent },
    }
    const log = await openSegmentedLog({ segmentBytesMax: 100_000 }, parts)
    let written = 0
    await assert.rejects(
      async () => {
        for (; written < 1_000; written++) await log.append([utf8(`${written}`.padEnd(10_000))])
      },
      { code: 'disk/full' },
    )
    const { first } = await log.trim(written - 20)
    assert.ok(first > 0)
    assert.deepEqual(await log.append([utf8('more')]), [written])
    await log.close()
    const again = await openSegmentedLog({ segmentBytesMax: 100_000 }, parts)
    assert.deepEqual(again.bounds(), { first, next: written + 1 })
    await again.close()
  } finally {
    disk.unmount()
    rmSync(dir, { recursive: true })
  }
})
