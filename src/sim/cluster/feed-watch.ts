/**
 * Remembers what the feed has told anybody: each position that a master was told to be written, and each record that the auditor was given.
 * A position means one record for ever (P5); when it was synced is when it could be read first (P3).
 */
import { equalBytes } from '#kernel/bytes.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import type { Life } from '#sim/world/life.ts'
import { ASLEEP_MS } from '#protocol/feed/publishing.ts'
import type { World } from '#sim/world/world.ts'

/** A pause that a master sees, however slow its clock is. */
const ASLEEP_MS_MAX = 1.2 * ASLEEP_MS

/** An append of a master, written in the end or not. */
export interface Said {
  readonly master: string
  readonly records: readonly Uint8Array[]
  /** What stands on the feed below this position it knew by then: it had read it, or had to look. */
  readonly knownNext: number
}

export interface FeedWatch {
  /** A master's log, newly opened, with what it says and is told noted. */
  watch(log: RecordLog, life: Life): RecordLog
  said(): readonly Said[]
  seen(record: LogRecord): void
  /** Records from the first on, as far as the auditor has read without a gap. */
  records(): readonly LogRecord[]
  /** One past the highest position that was promised. */
  promisedNext(): number
  /** The auditor has read all that was promised. */
  hasHeardAll(): boolean
  /** The host has synced everything below `next`. */
  synced(next: number): void
  /** When the record at this position became readable. */
  readableMs(position: number): number | undefined
}

export function createFeedWatch(world: World): FeedWatch {
  const first = new Map<number, Uint8Array>()
  const syncedMs: number[] = []
  const records: LogRecord[] = []
  const said: Said[] = []
  let promisedNext = 0
  const readableNext = (atMs: number): number => 1 + syncedMs.findLastIndex((ms) => ms <= atMs)
  const note = (position: number, bytes: Uint8Array): void => {
    const known = first.get(position)
    if (known === undefined) {
      first.set(position, bytes.slice())
      promisedNext = Math.max(promisedNext, position + 1)
    } else if (!equalBytes(known, bytes))
      world.violate('P5', `position ${position} of the feed was one record and is now another`)
  }
  return {
    watch(log, life) {
      // Whoever opens a log, or was asleep, looks before it says anything.
      let knownNext = syncedMs.length
      const know = (next: number): void => void (knownNext = Math.max(knownNext, next))
      return {
        read: (from, options) => log.read(from, options),
        async *tail(from, signal) {
          for await (const records of log.tail(from, signal)) {
            yield records
            know((records.at(-1)?.position ?? -1) + 1) // taken, as the next are asked for
          }
        },
        bounds: () => log.bounds(),
        identity: () => log.identity(),
        close: () => log.close(),
        async append(appended) {
          const slept = life.lastPause()
          if (slept !== undefined && slept.untilMs - slept.fromMs > ASLEEP_MS_MAX)
            know(readableNext(slept.untilMs))
          said.push({ master: life.name, records: appended, knownNext })
          const positions = await log.append(appended)
          for (const [i, position] of positions.entries()) note(position, appended[i] as Uint8Array)
          return positions
        },
      }
    },
    said: () => said,
    seen(record) {
      note(record.position, record.bytes)
      if (record.position === records.length) records.push(record)
    },
    records: () => records,
    promisedNext: () => promisedNext,
    hasHeardAll: () => records.length >= promisedNext,
    synced(next) {
      while (syncedMs.length < next) syncedMs.push(world.scheduler.nowMs())
    },
    readableMs: (position) => syncedMs[position],
  }
}
