/** The contract of RecordLog, run for every implementation. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { utf8, fromUtf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import type { LogRecord, RecordLog, TrimmableLog } from './record-log.ts'

/** @param open a fresh, empty log; `again` opens the same one for another user */
export function recordLogContract(
  name: string,
  open: () => Promise<{ log: TrimmableLog; again(): Promise<TrimmableLog>; end(): Promise<void> }>,
): void {
  const texts = (records: readonly LogRecord[]): string[] =>
    records.map(({ position, bytes }) => `${position}:${fromUtf8(bytes)}`)
  const scenario = (
    title: string,
    run: (log: TrimmableLog, again: () => Promise<TrimmableLog>) => Promise<void>,
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
    'what was trimmed is too old, what is kept is as it was, and positions go on',
    async (log, again) => {
      const other = await again()
      const stale = await again()
      const written = await appendStretch(log)
      const reader = other.tail(0, new AbortController().signal)[Symbol.asyncIterator]()
      await reader.next()
      const identity = await log.identity()

      await assert.rejects(log.trim(written.length + 1), isFault('feed/trim'))
      const { first, next } = await log.trim(written.length - 1)
      assert.ok(first > 0 && first < written.length, `the log begins at ${first}`)
      assert.equal(next, written.length)
      assert.deepEqual(await other.bounds(), { first, next })
      assert.deepEqual(await log.trim(0), { first, next })

      for (const from of [0, first - 1]) {
        const says = isFault('feed/too-old', String(from), String(first))
        await assert.rejects(stale.read(from, { maxBytes: 1_000 }), says)
        await assert.rejects(
          stale.tail(from, new AbortController().signal)[Symbol.asyncIterator]().next(),
          says,
        )
      }
      assert.deepEqual(await readAll(log, first), written.slice(first))
      assert.deepEqual(await log.append([utf8('more')]), [next])
      assert.equal(await other.identity(), identity)
      const segments = await log.segments()
      assert.deepEqual([segments[0]?.first, segments.at(-1)?.next], [first, next + 1])
      assert.ok(segments.every(({ bytes }) => bytes > 0))
      await reader.return?.(undefined)
      await Promise.all([other.close(), stale.close()])
    },
  )
  scenario(
    'a reader that retention has overtaken is told so: it never jumps over what is gone',
    async (log, again) => {
      const slow = await again()
      const before = await appendStretch(log)
      const reader = slow.tail(0, new AbortController().signal)[Symbol.asyncIterator]()
      const seen: string[] = []
      const take = async (): Promise<boolean> => {
        const { value } = (await reader.next()) as { value: readonly LogRecord[] }
        for (const { position, bytes } of value) {
          assert.equal(position, seen.length, 'no position is left out')
          seen.push(fromUtf8(bytes))
        }
        return seen.length < before.length
      }
      let more = await take()
      await log.trim(before.length)
      try {
        while (more) more = await take()
      } catch (thrown) {
        assert.equal(faultCode(thrown), 'feed/too-old')
      }
      assert.deepEqual(seen, before.slice(0, seen.length))
      await reader.return?.(undefined)
      await slow.close()
    },
  )
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

/** Long enough that every log has several segments. */
async function appendStretch(log: RecordLog): Promise<string[]> {
  const texts = Array.from({ length: 60 }, (_, i) => `${i}`.padEnd(STRETCH_RECORD_BYTES, '.'))
  for (const text of texts) await log.append([utf8(text)])
  return texts
}
const STRETCH_RECORD_BYTES = 10_000

async function readAll(log: RecordLog, first: number): Promise<string[]> {
  const { next } = await log.bounds()
  const out: string[] = []
  for (let at = first; at < next; at = first + out.length)
    out.push(...(await log.read(at, { maxBytes: 100_000 })).map(({ bytes }) => fromUtf8(bytes)))
  return out
}

/** A fault with this code, whose message has all these. */
function isFault(code: string, ...mentioned: readonly string[]): (thrown: unknown) => true {
  return (thrown) => {
    assert.equal(faultCode(thrown), code)
    for (const one of mentioned) assert.ok((thrown as Error).message.includes(one), (thrown as Error).message)
    return true
  }
}
