/** What masters have written to a feed, counted in bytes: what was of use, and what was said twice or in vain. */
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { decodeRecord } from '#wire/record.ts'

export interface Published {
  /** Bytes of all parts of frames. */
  readonly frameBytes: number
  /** Of those, what no reader needed: frames of blocks that were whole before, and parts that never became whole. */
  readonly wastedBytes: number
  /** Whole frames. */
  readonly frames: number
  /** Blocks of which a frame is whole, by hash. */
  readonly blocks: ReadonlySet<string>
  /** Where the feed ended. */
  readonly next: number
}

const READ_BYTES = 4e6

/** Looks at a cluster's feed over a line of its own. */
export async function onFeed<T>(
  cluster: { openFeed(): Promise<RecordLog> },
  look: (log: RecordLog) => Promise<T>,
): Promise<T> {
  const log = await cluster.openFeed()
  try {
    return await look(log)
  } finally {
    await log.close()
  }
}

/** From position `from` on. */
export async function publishedSince(log: RecordLog, from: number): Promise<Published> {
  const { next } = await log.bounds()
  const blocks = new Set<string>()
  let frameBytes = 0
  let usefulBytes = 0
  let frames = 0
  /** Bytes of a producer's frame so far. */
  const begun = new Map<string, number>()
  for (let at = from; at < next; ) {
    const records = await log.read(at, { maxBytes: READ_BYTES })
    at += records.length
    for (const { bytes } of records) {
      const { producer, body } = decodeRecord(bytes)
      if (body.kind !== 'framePart') continue
      frameBytes += body.bytes.length
      const sum = (body.index === 0 ? 0 : (begun.get(producer) ?? 0)) + body.bytes.length
      begun.set(producer, sum)
      if (body.index < body.count - 1) continue
      frames++
      if (!blocks.has(body.block.hash)) usefulBytes += sum
      blocks.add(body.block.hash)
    }
  }
  return { frameBytes, wastedBytes: frameBytes - usefulBytes, frames, blocks, next }
}

const LEADER_LOOKS_BACK = 300

/** Whose whole frame is the newest. */
export async function newestProducer(log: RecordLog): Promise<string | undefined> {
  const { first, next } = await log.bounds()
  let producer: string | undefined
  for (let at = Math.max(first, next - LEADER_LOOKS_BACK); at < next; ) {
    const records = await log.read(at, { maxBytes: READ_BYTES })
    at += records.length
    for (const record of records.map(({ bytes }) => decodeRecord(bytes)))
      if (record.body.kind === 'framePart') producer = record.producer
  }
  return producer
}
