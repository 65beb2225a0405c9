/**
 * Reads a stretch of the feed ahead of an applier that catches up, in a thread of its own: it expands and checks frames and makes rows of
 * them, which is half of the work, and the applier only writes. Stands between the feed and a mailbox: it sends records in order, and stops
 * while what was sent and not taken yet is more than a limit. It decides nothing and keeps nothing: where it fails, another (restarted.ts)
 * or the applier alone goes on from the record after the last one that was given.
 */
import type { Compress } from '#ports/compress.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import { buffersOfRows, bytesOfRows } from '#state/rows/block-rows.ts'
import { type Reader, type ReadyRecord, readyRecord, type Stretch } from './ready-frame.ts'
import { readTo } from '#roles/replica/apply/survey.ts'

/** Read from the feed at once where there are several readers: what is past a run is another's, and read for nothing. */
const RUN_READ_BYTES = 1_000_000
/** Sent at once, and at most one record more. */
const MESSAGE_BYTES = 512 * 1024
/** Smaller arrays are copied: that costs less than handing them over. */
const HANDED_OVER_BYTES_MIN = 4_096

export interface ReaderNews {
  readonly records: readonly ReadyRecord[]
  /** What they take of the limit. */
  readonly bytes: number
}
export interface ReaderOrder {
  /** Of a message, which has been taken. */
  readonly takenBytes: number
}

/** In the reader's thread: until the stretch is read or the signal is aborted. @throws what the feed throws */
export async function readAhead(
  stretch: Stretch,
  parts: {
    readonly feed: RecordLog
    readonly compress: Compress
    readonly box: Mailbox<ReaderNews, ReaderOrder>
  },
  signal: AbortSignal,
): Promise<void> {
  const { verify, share } = stretch
  const { feed, compress, box } = parts
  const aheadBytesMax = stretch.aheadBytesMax / (share?.of ?? 1)
  let aheadBytes = 0
  let wake: (() => void) | undefined
  box.onMessage(({ takenBytes }) => {
    aheadBytes -= takenBytes
    wake?.()
  })
  signal.addEventListener('abort', () => wake?.(), { once: true })
  const hasRoom = async (): Promise<void> => {
    while (aheadBytes >= aheadBytesMax && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      await promise
    }
  }
  for await (const records of recordsOf(feed, stretch, signal))
    for (const message of messagesOf(records, (record) => readyRecord(record, verify, compress))) {
      await hasRoom()
      if (signal.aborted) return
      aheadBytes += message.bytes
      box.post(message, buffersIn(message))
    }
}

async function* recordsOf(
  feed: RecordLog,
  { from, end, share }: Stretch,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[]> {
  if (share === undefined) return yield* readTo(feed, from, end, signal)
  const { index, of, runRecords } = share
  for (let at = from + index * runRecords; at < end && !signal.aborted; at += of * runRecords)
    yield* readTo(feed, at, Math.min(end, at + runRecords), signal, RUN_READ_BYTES)
}

/** Several readers of a stretch as one: each has its share. */
export function inTurn(readers: readonly Reader[], runRecords: number): Reader {
  let taken = 0
  return {
    async next() {
      const records = await readers[Math.floor(taken / runRecords) % readers.length]?.next()
      taken += records?.length ?? 0
      return records
    },
    async close() {
      await Promise.all(readers.map((reader) => reader.close()))
    },
  }
}

function* messagesOf(
  records: readonly LogRecord[],
  ready: (record: LogRecord) => ReadyRecord,
): Generator<ReaderNews> {
  let gathered: ReadyRecord[] = []
  let bytes = 0
  for (const [i, record] of records.entries()) {
    // A copy: a piece of the feed is one buffer, which would be copied whole with each of its records.
    const one = ready({ ...record, bytes: record.bytes.slice() })
    gathered.push(one)
    bytes += one.bytes.length + (one.frame?.kind === 'good' ? bytesOfRows(one.frame.rows) : 0)
    if (bytes < MESSAGE_BYTES && i < records.length - 1) continue
    yield { records: gathered, bytes }
    gathered = []
    bytes = 0
  }
}

function buffersIn({ records }: ReaderNews): ArrayBuffer[] {
  return records.flatMap(({ bytes, frame }) => [
    ...(bytes.length >= HANDED_OVER_BYTES_MIN ? [bytes.buffer as ArrayBuffer] : []),
    ...(frame?.kind === 'good' ? buffersOfRows(frame.rows) : []),
  ])
}

/** In the applier's thread, until the signal is aborted. @param ended settles when the other side sends nothing any more */
export function readerAt(
  box: Mailbox<ReaderOrder, ReaderNews>,
  { ended, end }: { readonly ended: Promise<void>; readonly end: () => Promise<void> },
  signal: AbortSignal,
): Reader {
  const waiting: ReaderNews[] = []
  let isOver = false
  let wake: (() => void) | undefined
  box.onMessage((news) => {
    waiting.push(news)
    wake?.()
  })
  const over = (): void => {
    isOver = true
    wake?.()
  }
  void ended.then(over, over)
  signal.addEventListener('abort', over, { once: true })
  return {
    async next() {
      while (waiting.length === 0 && !isOver) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        await promise
      }
      const news = waiting.shift()
      if (news !== undefined) box.post({ takenBytes: news.bytes })
      return news?.records
    },
    close: end,
  }
}
