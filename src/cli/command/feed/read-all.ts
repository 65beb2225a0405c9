/** Reads a feed to its end as it is now, with a bar on a terminal. */
import { bar, startProgress, timeLeft } from '#cli/process/progress.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'

const READ_BYTES = 8_000_000

/** @param what records are, after their number
 *  @param start the first record of the feed, unless said; given back as `first` */
export async function readAll(
  log: RecordLog,
  what: string,
  take: (records: readonly LogRecord[]) => Promise<void> | void,
  start?: number,
): Promise<{ first: number; next: number }> {
  const { first, next } = await log.bounds()
  const progress = startProgress(process.stderr)
  const startedMs = performance.now()
  const from = start ?? first
  for (let at = from; at < next; ) {
    const records = await log.read(at, { maxBytes: READ_BYTES })
    await take(records)
    at += records.length
    progress.show(() => {
      const elapsedMs = performance.now() - startedMs
      return `${bar(at - from, next - from)}  ${at} ${what}  ${timeLeft(at - from, next - from, elapsedMs)} left`
    })
  }
  return { first: from, next }
}
