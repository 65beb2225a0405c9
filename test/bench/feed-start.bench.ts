/**
 * What a start of the feed host costs where the log has some GB: made here of records as large as frames, then hosted by a process that is
 * killed and started again. How long until it is ready, how many bytes it has read by then, and how long the first read in the middle takes,
 * which walks one finished segment. Flags: --gb, --record-kb, --starts.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checksum } from '#platform/checksum/crc32c.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { createTransport } from '#platform/net/transport.ts'
import { createRandom } from '#platform/random/random.ts'
import { silent } from '#ports/logger.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import { openSegmentedLog } from '#roles/feedhost/segmented-log.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Bench } from './bench.ts'

const SEGMENT_BYTES = 64 * 1024 * 1024
const APPEND_RECORDS = 64

export const bench: Bench = {
  name: 'feed-start',
  summary: 'how long a feed host takes to start over some GB of log',
  flags: ['gb', 'record-kb', 'starts'],
  async run({ quick, flags, say }) {
    const gigabytes = wholeFlag(flags, 'gb', quick ? 1 : 4)
    const recordBytes = wholeFlag(flags, 'record-kb', 100) * 1_000
    const rounds = wholeFlag(flags, 'starts', 5)
    const [full, empty] = ['full', 'empty'].map(() => mkdtempSync(join(tmpdir(), 'drover-feed-start-')))
    assert(full !== undefined && empty !== undefined, 'two folders were made')
    try {
      const made = await fill(full, gigabytes * 1e9, recordBytes)
      say(`${made.records} records in ${made.segments} segments`)
      const starts: Start[] = []
      const empties: Start[] = []
      for (let i = 0; i < rounds; i++) {
        starts.push(await start(full, Math.floor((made.records * (i + 1)) / 10)))
        empties.push(await start(empty, 0))
      }
      return {
        rows: [
          {
            ...{ what: `start over ${gigabytes} GB`, server: 'feed host', ...made },
            ready_ms: middle(starts.map(({ readyMs }) => readyMs)),
            ready_empty_ms: middle(empties.map(({ readyMs }) => readyMs)),
            read_megabytes: middle(
              starts.map(({ bytes }, i) => (bytes - (empties[i] as Start).bytes) / 1_000_000),
            ),
            first_read_ms: middle(starts.map(({ readMs }) => readMs)),
          },
        ],
      }
    } finally {
      for (const dir of [full, empty]) rmSync(dir, { recursive: true })
    }
  },
}

async function fill(
  dir: string,
  bytes: number,
  recordBytes: number,
): Promise<{ segments: number; records: number }> {
  const random = createRandom()
  const log = await openSegmentedLog(
    { segmentBytesMax: SEGMENT_BYTES },
    { disk: createDisk(dir), random, checksum, clock: createClock(), log: silent },
  )
  const record = random.bytes(recordBytes)
  while (log.bounds().next * recordBytes < bytes)
    await log.append(Array.from({ length: APPEND_RECORDS }, () => record))
  const made = { segments: log.segments().length, records: log.bounds().next }
  await log.close()
  return made
}

interface Start {
  readonly readyMs: number
  /** Read by the process until then. */
  readonly bytes: number
  readonly readMs: number
}

async function start(dir: string, position: number): Promise<Start> {
  const host = new DroverProcess('feed', 'serve', '--data', dir, '--listen', '127.0.0.1:0')
  try {
    const startedMs = performance.now()
    const { address } = await host.start()
    const readyMs = performance.now() - startedMs
    const bytes = Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${host.pid}/io`, 'utf8'))?.[1])
    const remote = await openRemoteRecordLog(address as string, createTransport())
    const askedMs = performance.now()
    await remote.read(position, { maxBytes: 1 })
    const readMs = performance.now() - askedMs
    await remote.close()
    return { readyMs, bytes, readMs }
  } finally {
    await host.kill('SIGKILL')
  }
}

function middle(figures: readonly number[]): number {
  return Math.round((figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0) * 10) / 10
}
