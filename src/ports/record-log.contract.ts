/** The contract of RecordLog, run for every implementation. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { utf8, fromUtf8 } from '#kernel/bytes.ts'
import type { LogRecord, RecordLog } from './record-log.ts'

/** @param open a fresh, empty log; `again` opens the same one for another user */
export function recordLogContract(
  name: string,
  open: () => Promise<{ log: RecordLog; again(): Promise<RecordLog>; end(): Promise<void> }>,
): void {
  const texts = (records: readonly LogRecord[]): string[] =>
    records.map(({ position, bytes }) => `${position}:${fromUtf8(bytes)}`)
  const scenario = (
    title: string,
    run: (log: RecordLog, again: () => Promise<RecordLog>) => Promise<void>,
  ): void => {
    test(`${name}: ${title}`, async () => {
      const { log, again, end } = await open()
      try {
        await run(log, again)
      } finally {
        await end()
      }
    })
  }

  scenario('positions grow by one, records come back as they were', async (log) => {
    assert.deepEqual(await log.bounds(), { first: 0, next: 0 })
    assert.deepEqual(await log.read(0, { maxBytes: 1_000 }), [])
    assert.deepEqual(await log.append([utf8('a'), utf8('b')]), [0, 1])
    assert.deepEqual(await log.append([utf8('c')]), [2])
    assert.deepEqual(texts(await log.read(0, { maxBytes: 1_000 })), ['0:a', '1:b', '2:c'])
    assert.deepEqual(texts(await log.read(2, { maxBytes: 1_000 })), ['2:c'])
    assert.deepEqual(await log.bounds(), { first: 0, next: 3 })
  })
  scenario('a read gives at least one record, and stops near its limit', async (log) => {
    const big = new Uint8Array(10_000).fill(65)
    await log.append([big, big, big])
    assert.equal((await log.read(0, { maxBytes: 1 })).length, 1)
    assert.ok((await log.read(0, { maxBytes: 15_000 })).length <= 2)
  })
  scenario(
    'a tail gives what is there, then what comes, in order, and ends with its signal',
    async (log, again) => {
      await log.append([utf8('0')])
      const reader = await again()
      const controller = new AbortController()
      const seen: string[] = []
      const tail = (async () => {
        for await (const batch of reader.tail(0, controller.signal)) {
          seen.push(...texts(batch))
          if (seen.length === 41) controller.abort()
        }
      })()
      for (let i = 1; i <= 40; i++) await log.append([utf8(String(i))])
      await tail
      assert.deepEqual(
        seen,
        Array.from({ length: 41 }, (_, i) => `${i}:${i}`),
      )
      await reader.close()
    },
  )
  scenario('two writers’ batches never mix', async (log, again) => {
    const other = await again()
    const write = async (to: RecordLog, mark: string): Promise<void> => {
      for (let i = 0; i < 20; i++) await to.append([utf8(`${mark}1`), utf8(`${mark}2`), utf8(`${mark}3`)])
    }
    await Promise.all([write(log, 'x'), write(other, 'y')])
    const all = (await log.read(0, { maxBytes: 1e6 })).map(({ bytes }) => fromUtf8(bytes))
    assert.equal(all.length, 120)
    for (let i = 0; i < all.length; i += 3) {
      const mark = (all[i] as string)[0]
      assert.deepEqual(all.slice(i, i + 3), [`${mark}1`, `${mark}2`, `${mark}3`])
    }
    await other.close()
  })
  scenario(
    'identity is the same for everybody, and reading beyond the end gives nothing',
    async (log, again) => {
      const other = await again()
      assert.equal(await other.identity(), await log.identity())
      assert.notEqual(await log.identity(), '')
      assert.deepEqual(await other.read(0, { maxBytes: 100 }), [])
      await other.close()
    },
  )
}
