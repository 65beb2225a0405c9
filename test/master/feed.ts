/** The feed as a test sees it: every record decoded, frames put together. */
import type { Frame } from '#chain/block/frame.ts'
import { concatBytes, toHex } from '#kernel/bytes.ts'
import { keccak256 } from '#core/keccak.ts'
import type { Compress } from '#ports/compress.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { FeedRecord, FramePart, RecordBody } from '#protocol/feed/frames/records.ts'
import { decodeFrame } from '#wire/frame.ts'
import { decodeRecord } from '#wire/record.ts'

export async function recordsOf(log: RecordLog): Promise<FeedRecord[]> {
  const { first, next } = await log.bounds()
  const records: FeedRecord[] = []
  for (let at = first; at < next; ) {
    const read = await log.read(at, { maxBytes: 1 << 20 })
    records.push(...read.map(({ bytes }) => decodeRecord(bytes)))
    at += read.length
  }
  return records
}

export type Body<K extends RecordBody['kind']> = Extract<RecordBody, { kind: K }>

export async function bodiesOf<K extends RecordBody['kind']>(log: RecordLog, kind: K): Promise<Body<K>[]> {
  const bodies = (await recordsOf(log)).map(({ body }) => body)
  return bodies.filter((body): body is Body<K> => body.kind === kind)
}

/** How often each block's frame is whole on the feed. */
export async function wholeCounts(log: RecordLog): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const part of await bodiesOf(log, 'framePart')) {
    if (part.index === part.count - 1) counts.set(part.block.hash, (counts.get(part.block.hash) ?? 0) + 1)
  }
  return counts
}

/** Every frame, in the order in which it became whole. */
export async function framesOf(log: RecordLog, compress: Compress): Promise<Frame[]> {
  const frames: Frame[] = []
  let parts: FramePart[] = []
  for (const part of await bodiesOf(log, 'framePart')) {
    parts = part.index === 0 ? [part] : [...parts, part]
    if (part.index < part.count - 1) continue
    const bytes = concatBytes(...parts.map((one) => one.bytes))
    if (toHex(keccak256(bytes)) !== part.frameDigest) throw new Error('a whole frame has its digest')
    frames.push(decodeFrame(bytes, compress))
  }
  return frames
}
