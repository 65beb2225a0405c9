import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import { createClock } from '#platform/clock/clock.ts'
import { checksum } from '#platform/checksum/crc32c.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { createTransport } from '#platform/net/transport.ts'
import { createRandom } from '#platform/random/random.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { recordLogContract } from '#ports/record-log/record-log.contract.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import { startFeedHost } from './host.ts'
import { openSegmentedLog, type SegmentedLog } from './segmented-log.ts'

const open = (dir: string, segmentBytesMax = 1_000_000): Promise<SegmentedLog> =>
  openSegmentedLog(
    { segmentBytesMax },
    { disk: createDisk(dir), random: createRandom(), checksum, clock: createClock(), log: silent },
  )
const folder = (): string => mkdtempSync(join(tmpdir(), 'drover-log-'))

for (const kind of ['tcp', 'unix'] as const) {
  recordLogContract(`segmented log and host over ${kind}`, async () => {
    const dir = folder()
    const log = await open(dir, 100_000)
    const transport = createTransport()
    const address = kind === 'tcp' ? '127.0.0.1:0' : `unix:${join(dir, 'sock')}`
    const host = await startFeedHost(address, {
      log,
      transport,
      logger: silent,
      meter: createMeterRegistry(),
    })
    const again = () => openRemoteRecordLog(host.address, transport)
    const first = await again()
    return {
      log: first,
      again,
      async end() {
        await first.close()
        await host.close()
        await log.close()
        rmSync(dir, { recursive: true })
      },
    }
  })
}

const texts = async (log: SegmentedLog): Promise<string[]> => {
  const { first, next } = log.bounds()
  const out: string[] = []
  for (let at = first; at < next; ) {
    const records = await log.read(at, { maxBytes: 1_000 })
    out.push(...records.map(({ bytes }) => fromUtf8(bytes)))
    at += records.length
  }
  return out
}

test('a log is what it was after it is opened again, over many segments, and keeps its identity', async () => {
  const dir = folder()
  const log = await open(dir, 300)
  for (let i = 0; i < 50; i++) await log.append([utf8(`record ${i}`), utf8(`and ${i}`)])
  const before = await texts(log)
  const identity = log.identity()
  await log.close()
  const again = await open(dir, 300)
  assert.ok(readdirSync(dir).length > 5)
  assert.deepEqual(await texts(again), before)
  assert.equal(again.identity(), identity)
  await again.append([utf8('more')])
  await again.trim(40)
  assert.ok(again.bounds().first > 0 && again.bounds().first <= 40)
  await assert.rejects(again.read(0, { maxBytes: 10 }), { code: 'feed/too-old' })
  await again.close()
  rmSync(dir, { recursive: true })
})

test('cut at any byte, a log opens with a prefix of whole appends and goes on', async () => {
  const dir = folder()
  const log = await open(dir)
  const appends = [['a'], ['b', 'c'], ['d', 'e', 'f'], ['g']]
  for (const texts_ of appends) await log.append(texts_.map((text) => utf8(text.repeat(20))))
  await log.close()
  const file = join(dir, readdirSync(dir)[0] as string)
  const bytes = readFileSync(file)
  const prefixes = appends.map((_, i) =>
    appends
      .slice(0, i + 1)
      .flat()
      .map((text) => text.repeat(20))
      .join(),
  )
  for (let length = 64; length <= bytes.length; length++) {
    writeFileSync(file, bytes.subarray(0, length))
    const cut = await open(dir)
    const found = (await texts(cut)).join()
    assert.ok(found === '' || prefixes.includes(found), `cut at ${length}: ${found}`)
    await cut.append([utf8('goes on')])
    assert.equal((await texts(cut)).at(-1), 'goes on')
    await cut.close()
  }
  rmSync(dir, { recursive: true })
})

test('a flipped bit is damage that is named, or was never synced; a wrong record is never given', async () => {
  const dir = folder()
  const log = await open(dir)
  const all: string[] = []
  for (let i = 0; i < 6; i++) {
    all.push(`record number ${i}`)
    await log.append([utf8(`record number ${i}`)])
  }
  await log.close()
  const file = join(dir, readdirSync(dir)[0] as string)
  const bytes = readFileSync(file)
  let named = 0
  for (let at = 64; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
    writeFileSync(file, flipped)
    try {
      const read = await open(dir)
      const found = await texts(read)
      assert.deepEqual(found, all.slice(0, found.length), `byte ${at}`)
      // Only the last append could still have been on its way: nothing after it says that it was synced.
      assert.ok(found.length >= all.length - 1, `byte ${at} lost ${all.length - found.length}`)
      await read.close()
    } catch (thrown) {
      named++
      assert.equal((thrown as { code?: string }).code, 'feed/damaged', `byte ${at}: ${String(thrown)}`)
    }
  }
  assert.ok(named > 100)
  rmSync(dir, { recursive: true })
})

test('a connection that is lost in an append says that nobody knows, in a read that the feed is lost', async () => {
  const dir = folder()
  const log = await open(dir)
  const transport = createTransport()
  const never = new Promise<readonly number[]>(() => {})
  const slow = { ...bind(log), append: () => never }
  const host = await startFeedHost('127.0.0.1:0', {
    log: slow,
    transport,
    logger: silent,
    meter: createMeterRegistry(),
  })
  const remote = await openRemoteRecordLog(host.address, transport)
  const append = remote.append([utf8('x')])
  await remote.bounds()
  await host.close()
  await assert.rejects(append, { code: 'feed/append-unknown' })
  await assert.rejects(remote.bounds(), { code: 'feed/lost' })
  await log.close()
  rmSync(dir, { recursive: true })
})

function bind(log: SegmentedLog): SegmentedLog {
  return {
    append: (records) => log.append(records),
    read: (from, options) => log.read(from, options),
    bounds: () => log.bounds(),
    identity: () => log.identity(),
    onAppend: (grown) => log.onAppend(grown),
    trim: (position) => log.trim(position),
    segments: () => log.segments(),
    nowMs: () => log.nowMs(),
    close: () => log.close(),
  }
}
