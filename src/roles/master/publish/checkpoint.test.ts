/** A reader that takes up a checkpoint knows what one knows that has read the feed from its first record, wherever it was made. */
import '#test/support/core.ts'
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createPrng } from '#kernel/prng.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { Disk } from '#ports/storage/disk.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { hashOf, History, refNamed } from '#protocol/feed/testing/history.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'
import { encodeRecord } from '#wire/record.ts'
import { decodeCheckpoint, encodeCheckpoint, keepCheckpoints, resume } from './checkpoint.ts'
import { createReadBack, type ReadBack } from './read-back.ts'

const MASTERS = ['m1', 'm2', 'm3']
const EDGES = '1<0 2<1 3<2 4<3 2b<1 3b<2b 4b<3b 5b<4b 3c<2 4c<3c'.split(' ')
const BLOCKS = EDGES.map((edge) => edge.split('<')[0] as string)

const master = fc.constantFrom(...MASTERS)
const edge = fc.constantFrom(...EDGES).map((text) => text.replace('<', ' '))
const block = fc.constantFrom(...BLOCKS)
const client = fc.constantFrom('client=a', 'client=b')
const lease = fc.integer({ min: 1, max: 4 })
const command = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(master, edge).map(([m, blocks]) => `frame ${m} ${blocks}`) },
  {
    weight: 3,
    arbitrary: fc.tuple(master, edge, fc.integer({ min: 1, max: 2 })).map((words) => {
      const [m, blocks, part] = words
      return `frame ${m} ${blocks} ${part}/2 delta=other`
    }),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(master, block, fc.option(block))
      .map(([m, name, final]) => `head ${m} ${name}${final === null ? '' : ` final=${final}`}`),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(master, fc.constantFrom('serving', 'serving', 'syncing', 'maintaining'), client)
      .map((words) => `beat ${words.join(' ')}`),
  },
  { weight: 2, arbitrary: fc.tuple(master, lease, client).map((words) => `lease ${words.join(' ')}`) },
  { weight: 1, arbitrary: fc.tuple(master, lease).map((words) => `release ${words.join(' ')}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(master, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }))
      .map((words) => `life ${words.join(' ')}`),
  },
)
const histories = fc
  .array(command, { minLength: 10, maxLength: 60 })
  .map((commands) => ['generation m1', ...commands])

interface Reader {
  readonly readBack: ReadBack
  readonly told: unknown[]
}

function reader(): Reader {
  const told: unknown[] = []
  const readBack = createReadBack('m2', createPrng(1), {
    onAlarm: (alarm) => void told.push(alarm),
    onLease: (effect) => void told.push(effect),
  })
  return { readBack, told }
}

/** Everything that a master asks. */
function known({ readBack }: Reader): unknown {
  const { leases, index } = readBack
  return {
    rank: readBack.rank(),
    heads: readBack.heads(),
    settled: [readBack.settledNumber(), index.settledTo()],
    generation: readBack.generation(),
    needs: BLOCKS.map((name) => [
      readBack.hasWhole(hashOf(name)),
      readBack.needs(refNamed(name), hashOf('d')),
    ]),
    others: BLOCKS.map((name) => readBack.needs(refNamed(name), hashOf('other'))),
    leases: [leases.open(), leases.standing(), leases.whyNot('a', 1)],
    places: ['0', ...BLOCKS].map((name) => index.above(refNamed(name), 10)),
    canonical: [0, 1, 2, 3, 4, 5].map((number) => index.hashAt(number)),
    clients: [...readBack.clients()],
  }
}

/** Everything that it keeps. */
const keptBy = ({ readBack }: Reader): unknown =>
  JSON.parse(
    JSON.stringify(readBack.state(), (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    ),
  )

const bytesOf = (commands: readonly string[]): Uint8Array[] => {
  const history = new History()
  for (const line of commands) history.command(line)
  return history.records.map(encodeRecord)
}

test('read on from a checkpoint, made at any record, a feed says what it says from its first record on', () => {
  fc.assert(
    fc.property(histories, fc.nat(), (commands, at) => {
      const records = bytesOf(commands)
      const place = 1 + (at % records.length)
      const through = reader()
      for (const [position, bytes] of records.slice(0, place).entries())
        through.readBack.take({ position, bytes })
      const state = through.readBack.state()
      assert.ok(state !== undefined)
      const checkpoint = { identity: 'feed', position: place - 1, digest: hashOf('d'), state }
      const kept = decodeCheckpoint(encodeCheckpoint(checkpoint))
      assert.ok(kept !== undefined)
      const resumed = reader()
      resumed.readBack.restore(kept.state)
      assert.deepEqual(known(resumed), known(through))
      through.told.length = 0
      for (const [i, bytes] of records.slice(place).entries()) {
        for (const { readBack } of [through, resumed]) readBack.take({ position: place + i, bytes })
        assert.deepEqual(known(resumed), known(through))
        assert.deepEqual(resumed.told, through.told)
      }
      assert.deepEqual(keptBy(resumed), keptBy(through))
    }),
    { numRuns: 300 },
  )
})

test('of a long chain settled blocks are found again, and the file is of a size that can be written often', () => {
  const commands = ['generation m1']
  for (let at = 1; at <= 3_000; at += 100)
    commands.push(`chain m1 ${at} ${at + 99}`, `head m1 ${at + 99} final=${Math.max(0, at - 40)}`, 'beat m1')
  const records = bytesOf(commands)
  const place = Math.floor(records.length * 0.8)
  const through = reader()
  for (const [position, bytes] of records.slice(0, place).entries())
    through.readBack.take({ position, bytes })
  const state = through.readBack.state()
  assert.ok(state !== undefined)
  const bytes = encodeCheckpoint({ identity: 'feed', position: place - 1, digest: hashOf('d'), state })
  assert.ok(bytes.length < 2_000_000, `${bytes.length} bytes`)
  const kept = decodeCheckpoint(bytes)
  assert.ok(kept !== undefined)
  const resumed = reader()
  resumed.readBack.restore(kept.state)
  for (const [i, taken] of records.slice(place).entries())
    for (const { readBack } of [through, resumed]) readBack.take({ position: place + i, bytes: taken })
  assert.ok(through.readBack.index.settledTo() > 2_000)
  for (const number of [0, 1, 700, 2_000, 2_400, 2_990, 3_000]) {
    const from = refNamed(String(number))
    const found = resumed.readBack.index.above(from, 10_000)
    assert.equal(found.length, 3_000 - number)
    assert.deepEqual(found, through.readBack.index.above(from, 10_000))
  }
  assert.deepEqual(known(resumed), known(through))
})

/** A folder in memory. */
function memoryFolder(): { folder: Disk; files: Map<string, Uint8Array>; refuse(yes: boolean): void } {
  const files = new Map<string, Uint8Array>()
  let refused = false
  const never = (): never => assert.fail('only whole files are read and replaced')
  const folder: Disk = {
    ...{ list: never, open: never, remove: never, syncNames: never },
    readAll: async (name) => files.get(name),
    async replace(name, bytes) {
      if (refused) throw new Error('the disk is full')
      files.set(name, bytes)
    },
  }
  return { folder, files, refuse: (yes) => (refused = yes) }
}

const COMMANDS = ['generation m1', 'chain m1 1 6', 'head m1 6', 'beat m1 serving', 'beat m1 serving']

async function keptFeed() {
  const feed = createMemoryRecordLog()
  await feed.append(bytesOf(COMMANDS))
  const { folder, files, refuse } = memoryFolder()
  const first = reader()
  for (const record of await feed.read(0, { maxBytes: 1_000_000 })) first.readBack.take(record)
  const clock = createVirtualClock()
  const stop = new AbortController()
  const metrics = createMasterMetrics(createMeterRegistry())
  const parts = { folder, readBack: first.readBack, log: silent, clock, metrics }
  const keeping = keepCheckpoints(await feed.identity(), parts, stop.signal).catch(() => {})
  await clock.advance(0)
  return {
    ...{ feed, folder, files, refuse, first, clock },
    async end() {
      stop.abort()
      await keeping
    },
  }
}

async function positionAfter(folder: Disk, feed: RecordLog, identity?: string): Promise<[number, Reader]> {
  const next = reader()
  const from = resume({ folder, readBack: next.readBack, log: silent })
  return [await from(feed, identity ?? (await feed.identity())), next]
}

test('a checkpoint of this feed is taken up, its first record there or not', async () => {
  const { feed, folder, first, end } = await keptFeed()
  const { next } = await feed.bounds()
  for (const trimTo of [0, 3, next - 1, next]) {
    await feed.trim(trimTo)
    const [position, resumed] = await positionAfter(folder, feed)
    assert.equal(position, next)
    assert.deepEqual(known(resumed), known(first))
  }
  await end()
})

test('a checkpoint that is damaged, of another feed, or of records that this feed does not have is not believed', async () => {
  const { feed, folder, files, end } = await keptFeed()
  const [name, bytes] = [...files][0] as [string, Uint8Array]
  assert.equal((await positionAfter(folder, feed, 'another'))[0], 0)
  const shorter = createMemoryRecordLog()
  await shorter.append(bytesOf(COMMANDS.slice(0, -1)))
  assert.equal((await positionAfter(folder, shorter, await feed.identity()))[0], 0)
  const other = createMemoryRecordLog()
  await other.append(bytesOf([...COMMANDS.slice(0, -1), 'beat m1 syncing', 'beat m1 serving']))
  assert.equal((await positionAfter(folder, other, await feed.identity()))[0], 0)
  for (let at = 0; at < bytes.length; at += 97) {
    const flipped = bytes.slice()
    flipped[at] = (flipped[at] as number) ^ 1
    files.set(name, flipped)
    assert.equal((await positionAfter(folder, feed))[0], 0, `byte ${at}`)
  }
  files.set(name, bytes.slice(0, -1))
  assert.equal((await positionAfter(folder, feed))[0], 0)
  files.clear()
  assert.equal((await positionAfter(folder, feed))[0], 0)
  await end()
})

test('checkpoints go on: a disk that refuses one is asked again, and nothing is written while nothing is read', async () => {
  const { feed, folder, files, refuse, first, clock, end } = await keptFeed()
  const before = [...files.values()][0]
  await clock.advance(60_000)
  assert.equal([...files.values()][0], before)
  const [position] = await feed.append(bytesOf(['generation m1', 'beat m2 serving']).slice(1))
  for (const record of await feed.read(position as number, { maxBytes: 1_000 })) first.readBack.take(record)
  refuse(true)
  await clock.advance(60_000)
  assert.equal([...files.values()][0], before)
  refuse(false)
  await clock.advance(60_000)
  assert.equal((await positionAfter(folder, feed))[0], (position as number) + 1)
  await end()
})
