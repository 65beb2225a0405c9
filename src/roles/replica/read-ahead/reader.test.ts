import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import test from 'node:test'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { stored } from '#state/testing/stored.ts'
import { readAhead, type ReaderNews } from './reader.ts'

/** Each is a message of its own. */
const RECORD_BYTES = 600_000
const RECORDS = 9

test('what was sent and not taken stays under its limit and one message; it goes on as that is taken', async () => {
  const feed = createMemoryRecordLog()
  await feed.append(Array.from({ length: RECORDS }, () => new Uint8Array(RECORD_BYTES)))
  const sent: ReaderNews[] = []
  let taken: (order: { takenBytes: number }) => void = () => {}
  const box = {
    post: (news: ReaderNews) => void sent.push(news),
    onMessage: (handler: typeof taken) => void (taken = handler),
  }
  const stretch = { from: 0, end: RECORDS, verify: 'digest', aheadBytesMax: 2 * RECORD_BYTES } as const
  const parts = { feed, compress: stored, box }
  const done = readAhead(stretch, parts, new AbortController().signal)
  for (let of = 0; of < RECORDS; of++) {
    // All that can happen without an order has happened: the feed is memory.
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    assert.equal(sent.length, Math.min(RECORDS, of + 2))
    taken({ takenBytes: sent[of]?.bytes ?? 0 })
  }
  await done
  assert.deepEqual(
    sent.flatMap(({ records }) => records.map(({ position }) => position)),
    Array.from({ length: RECORDS }, (_, i) => i),
  )
})
