/**
 * Remembers what the feed has told anybody: each position that a master was told to be written, and each record that the auditor was given.
 * A position means one record for ever (P5); when it was synced is when it could be read first (P3).
 */
import { equalBytes } from '#kernel/bytes.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import type { World } from '#sim/world/world.ts'

export interface FeedWatch {
  /** A master's log, with what it is told noted. */
  watch(log: RecordLog): RecordLog
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
  let promisedNext = 0
  const note = (position: number, bytes: Uint8Array): void => {
    const known = first.get(position)
    if (known === undefined) {
      first.set(position, bytes.slice())
      promisedNext = Math.max(promisedNext, position + 1)
    } else if (!equalBytes(known, bytes))
      world.violate('P5', `position ${position} of the feed was one record and is now another`)
  }
  return {
    watch: (log) => ({
      read: (from, options) => log.read(from, options),
      tail: (from, signal) => log.tail(from, signal),
      bounds: () => log.bounds(),
      identity: () => log.identity(),
      close: () => log.close(),
      async append(appended) {
        const positions = await log.append(appended)
        for (const [i, position] of positions.entries()) note(position, appended[i] as Uint8Array)
        return positions
      },
    }),
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
