import assert from 'node:assert/strict'
import test from 'node:test'
import { utf8 } from '#kernel/bytes.ts'
import { createPrng } from '#kernel/prng.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openFeedLink } from './feed-link.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'

const { signal } = new AbortController()

function link(log: ReturnType<typeof createMemoryRecordLog>, taken: number[] = []) {
  return openFeedLink(
    ({ position }) => void taken.push(position),
    {
      openLog: async () => log,
      ...{ clock: createVirtualClock(), random: createPrng(1), log: silent },
      metrics: createMasterMetrics(createMeterRegistry()),
    },
    signal,
  )
}

test('a master does not begin on a feed whose beginning is gone: it would found another cluster there', async () => {
  const log = createMemoryRecordLog()
  await log.append([utf8('generation'), utf8('frame')])
  await log.trim(1)
  await assert.rejects(link(log), { code: 'feed/too-old' })
})

test('what was dropped while the line was lost is not passed over', async () => {
  const log = createMemoryRecordLog()
  await log.append([utf8('a')])
  const taken: number[] = []
  const opened = await link(log, taken)
  await log.append([utf8('b'), utf8('c')])
  await log.trim(2)
  await assert.rejects(opened.readToEnd(), { code: 'feed/too-old' })
  assert.deepEqual(taken, [0])
})

test('while the feed is opened again nothing is appended: what others wrote meanwhile is not read yet', async () => {
  const feed = createMemoryRecordLog()
  await feed.append([utf8('a')])
  const reading = Promise.withResolvers<void>()
  let openings = 0
  const clock = createVirtualClock()
  const taken: number[] = []
  const opened = await openFeedLink(
    ({ position }) => void taken.push(position),
    {
      openLog: async () => {
        const isFirst = ++openings === 1
        return {
          ...feed,
          bounds: () => (isFirst ? feed.bounds() : reading.promise.then(() => feed.bounds())),
        }
      },
      ...{ clock, random: createPrng(1), log: silent },
      metrics: createMasterMetrics(createMeterRegistry()),
    },
    signal,
  )
  await feed.append([utf8('b')])
  const recovered = opened.recover(signal)
  await clock.advance(1_000)
  assert.equal(openings, 2)
  await assert.rejects(opened.append([utf8('b, too')]), { code: 'feed/lost' })
  reading.resolve()
  await recovered
  assert.deepEqual(taken, [0, 1])
  assert.equal(await opened.append([utf8('c')]), 2)
})
