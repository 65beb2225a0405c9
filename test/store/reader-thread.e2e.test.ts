/** The thread that reads ahead of an applier, over a feed in another process: as production starts it, whole and ended in the middle. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readerStarter } from '#cli/process/threads/reader-thread.ts'
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
  const start = readerStarter({ ...NO_SECURITY, feed: address }, CHAIN_ID)
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
  await log.close()
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
