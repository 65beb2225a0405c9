/** What a host's start costs and sees of segments that were finished before it: their heads, and how each says that the one before it ended. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import { checksum } from '#platform/checksum/crc32c.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { createRandom } from '#platform/random/random.ts'
import { silent } from '#ports/logger.ts'
import type { Disk } from '#ports/storage/disk.ts'
import { decodeSegmentHead, encodeSegmentHead, SEGMENT_HEAD_BYTES } from './segment.ts'
import { openSegmentedLog, type SegmentedLog } from './segmented-log.ts'

const SEGMENT_BYTES = 600
const APPENDS = 60
/** Bytes: each kind of field of a record, and its body, is met. */
const FLIP_EVERY = 5
const CUT_EVERY = 7

const open = (disk: Disk): Promise<SegmentedLog> =>
  openSegmentedLog(
    { segmentBytesMax: SEGMENT_BYTES },
    { disk, random: createRandom(), checksum, clock: createClock(), log: silent },
  )
const textOf = (position: number): string => `record ${position} `.repeat(1 + (position % 5))

/** A log of many segments, closed; each append has two records. */
async function withSegments(run: (dir: string, files: readonly string[]) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-segments-'))
  try {
    const log = await open(createDisk(dir))
    for (let i = 0; i < APPENDS; i++) await log.append([utf8(textOf(2 * i)), utf8(textOf(2 * i + 1))])
    await log.close()
    const files = readdirSync(dir).toSorted()
    assert.ok(files.length > 8, `${files.length} segments`)
    await run(
      dir,
      files.map((name) => join(dir, name)),
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function isWhole(log: SegmentedLog, next = 2 * APPENDS): Promise<void> {
  assert.deepEqual(log.bounds(), { first: 0, next })
  for (let at = 0; at < next; ) {
    const records = await log.read(at, { maxBytes: 200 })
    assert.ok(records.length > 0)
    for (const { position, bytes } of records)
      assert.deepEqual([position, fromUtf8(bytes)], [at, textOf(at++)])
  }
}

/** Counts what is read of the files. */
function counted(disk: Disk): { disk: Disk; bytes(): number } {
  let bytes = 0
  return {
    bytes: () => bytes,
    disk: {
      ...disk,
      async open(name) {
        const file = await disk.open(name)
        return {
          ...file,
          async read(offset, length) {
            const read = await file.read(offset, length)
            bytes += read.length
            return read
          },
        }
      },
    },
  }
}

test('a start reads the last segment and of the others the heads; what they hold is found when it is asked for', async () => {
  await withSegments(async (dir, files) => {
    const { disk, bytes } = counted(createDisk(dir))
    const log = await open(disk)
    const last = readFileSync(files.at(-1) as string).length
    assert.ok(bytes() <= last + files.length * SEGMENT_HEAD_BYTES, `${bytes()} bytes were read`)
    assert.equal(
      log.segments().reduce((sum, segment) => sum + segment.bytes, 0),
      files.reduce((sum, file) => sum + readFileSync(file).length, 0),
    )
    // Any position first, and many at once.
    const positions = Array.from({ length: 2 * APPENDS }, (_, i) => (i * 37) % (2 * APPENDS))
    await Promise.all(
      positions.map(async (at) => {
        const [record] = await log.read(at, { maxBytes: 1 })
        assert.deepEqual(record && fromUtf8(record.bytes), textOf(at))
      }),
    )
    await isWhole(log)
    await log.append([utf8(textOf(2 * APPENDS)), utf8(textOf(2 * APPENDS + 1))])
    await isWhole(log, 2 * APPENDS + 2)
    await log.close()
  })
})

test('cut anywhere in its last segment, a log of many opens with all others and a prefix of whole appends', async () => {
  await withSegments(async (dir, files) => {
    const last = files.at(-1) as string
    const bytes = readFileSync(last)
    const { first } = decodeSegmentHead(bytes, checksum) as { first: number }
    for (let length = 0; length <= bytes.length; length += CUT_EVERY) {
      writeFileSync(last, bytes.subarray(0, length))
      const log = await open(createDisk(dir))
      const { next } = log.bounds()
      assert.ok(next >= first && next % 2 === 0, `cut at ${length} it ends at ${next}`)
      await log.append([utf8(textOf(next)), utf8(textOf(next + 1))])
      await isWhole(log, next + 2)
      await log.close()
    }
  })
})

test('a segment that is missing, shorter or longer is seen at the start', async () => {
  await withSegments(async (dir, files) => {
    for (const file of files.slice(1, -1)) {
      const bytes = readFileSync(file)
      for (const changed of [undefined, bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])]) {
        if (changed === undefined) rmSync(file)
        else writeFileSync(file, changed)
        await assert.rejects(open(createDisk(dir)), { code: 'feed/damaged' })
      }
      writeFileSync(file, bytes)
    }
    const log = await open(createDisk(dir))
    await isWhole(log)
    await log.close()
  })
})

test('a flipped bit in a finished segment is named by who reads there; a wrong record is never given, the other segments are', async () => {
  await withSegments(async (dir, files) => {
    const [file, after] = [files[3] as string, files[4] as string]
    const bytes = readFileSync(file)
    const { first } = decodeSegmentHead(bytes, checksum) as { first: number }
    const { first: next } = decodeSegmentHead(readFileSync(after), checksum) as { first: number }
    for (let at = SEGMENT_HEAD_BYTES; at < bytes.length; at += FLIP_EVERY) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      writeFileSync(file, flipped)
      const log = await open(createDisk(dir))
      let named = 0
      for (let position = first - 2; position < next + 2; position++) {
        try {
          const [record] = await log.read(position, { maxBytes: 1 })
          assert.equal(record && fromUtf8(record.bytes), textOf(position), `byte ${at}`)
        } catch (thrown) {
          named++
          assert.equal((thrown as { code?: string }).code, 'feed/damaged', `byte ${at}: ${String(thrown)}`)
          assert.ok(position >= first && position < next, `byte ${at} damages position ${position}`)
        }
      }
      assert.ok(named > 0, `byte ${at} is damaged and nobody saw it`)
      await log.close()
    }
    writeFileSync(file, bytes)
  })
})

test('segments of older releases, which do not say how the one before them ended, are read whole', async () => {
  await withSegments(async (dir, files) => {
    for (const file of files) {
      const bytes = readFileSync(file)
      const head = decodeSegmentHead(bytes, checksum)
      assert.ok(head)
      bytes.set(encodeSegmentHead({ ...head, previous: undefined }, checksum))
      writeFileSync(file, bytes)
    }
    const { disk, bytes } = counted(createDisk(dir))
    const log = await open(disk)
    assert.ok(bytes() >= files.reduce((sum, file) => sum + readFileSync(file).length, 0))
    await isWhole(log)
    await log.close()
  })
})
