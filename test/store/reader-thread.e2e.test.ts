/** Threads that read ahead of an applier, over a feed in another process: as production starts them, whole, ended in the middle and begun again. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readerStarter } from '#cli/process/threads/reader-thread.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { createTransport } from '#platform/net/transport.ts'
import { type Logger, silent } from '#ports/logger.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import type { Reader, StartReader } from '#roles/replica/read-ahead/ready-frame.ts'
import { allRows } from '#roles/replica/testing/history.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { NO_SECURITY } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { farFeed, live } from './far-behind.ts'

const CHAIN_ID = 31_337n

const directory = mkdtempSync(join(tmpdir(), 'drover-reader-'))
after(() => rmSync(directory, { recursive: true }))

test('a store that a thread read ahead for is row by row the one that was filled block by block', async () => {
  const address = `unix:${join(directory, 'feed.sock')}`
  const host = new DroverProcess('feed', 'serve', '--data', join(directory, 'feed'), '--listen', address)
  await host.start()
  after(() => host.stop())
  const log = await openRemoteRecordLog(address, createTransport())
  const { log: made, chain } = await farFeed()
  const all = await made.read(0, { maxBytes: Number.POSITIVE_INFINITY })
  await log.append(all.map(({ bytes }) => bytes))
  const feed = { log, chain } as unknown as Parameters<typeof live>[0]
  const whole = memoryKeyValue()
  const compress = createZstd()
  await live(feed, whole, 'one by one', { compress })
  const expected = allRows(whole)
  const settings = { ...NO_SECURITY, feed: address }
  const start = readerStarter(settings, CHAIN_ID, { clock: createClock(), log: silent })
  for (const [name, startReader, isLost] of [
    ['to its end', start, false],
    ['ended before its first record', endedAfter(start, 0), true],
    ['ended after its first records', endedAfter(start, 1), true],
  ] as const) {
    const kv = memoryKeyValue()
    const said: string[] = []
    await live(feed, kv, 8, { startReader, log: hearing(said), compress })
    assert.deepEqual(allRows(kv), expected, name)
    assert.equal(
      said.some((text) => text.includes('reads ahead has ended')),
      isLost,
      name,
    )
  }
  const identity = await log.identity()
  await log.close()

  // The feed that only the threads are told of is away when they begin.
  await host.kill('SIGKILL')
  let back: Promise<unknown> | undefined
  const clock = {
    ...createClock(),
    sleep: async () => {
      await (back ??= host.start())
    },
  }
  const said: string[] = []
  const kv = memoryKeyValue()
  const startReader = readerStarter(settings, CHAIN_ID, { clock, log: hearing(said) })
  await live({ log: { ...made, identity: async () => identity }, chain }, kv, 8, {
    startReader,
    log: hearing(said),
    compress,
  })
  assert.deepEqual(allRows(kv), expected)
  assert.deepEqual(said, ['reading ahead has ended and begins again'])
})

/** A thread that ends by itself when it has given so many pieces. */
function endedAfter(start: StartReader, pieces: number): StartReader {
  return async (stretch, signal): Promise<Reader> => {
    const reader = await start({ ...stretch, end: stretch.from + 1 }, signal)
    let left = pieces
    return {
      async next() {
        if (left-- > 0) return reader.next()
        await reader.close()
        return reader.next()
      },
      close: reader.close,
    }
  }
}

function hearing(said: string[]): Logger {
  return { ...silent, warn: (message) => void said.push(message) }
}
