/** Reads single frames back from the feed by where they begin. What is read is checked by whoever takes it. */
import { concatBytes } from '#kernel/bytes.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import type { FramePart } from '#protocol/feed/frames/records.ts'
import { decodeRecord } from '#wire/record.ts'
import { masterLimits } from '#roles/master/limits.ts'

const READ_BYTES_MAX = masterLimits.feedReadBytesMax.value

/** All bytes of a frame, and what its records say that it is. */
export type FeedFrame = Omit<FramePart, 'kind' | 'index' | 'count'>

export interface FeedFrames {
  /** Undefined where no frame begins there, or the feed keeps it no more.
   *  @throws what the log throws */
  at(position: number): Promise<FeedFrame | undefined>
}

/** @param read records from a position on, at least one if there is one */
export function createFeedFrames(
  read: (from: number, options: { readonly maxBytes: number }) => Promise<readonly LogRecord[]>,
): FeedFrames {
  /** What was read last: frames are taken one after another. */
  let kept: readonly LogRecord[] = []
  const recordAt = async (position: number): Promise<LogRecord | undefined> => {
    const first = kept[0]?.position ?? 0
    const found = kept[position - first]
    if (found?.position === position) return found
    kept = await read(position, { maxBytes: READ_BYTES_MAX })
    return kept[0]?.position === position ? kept[0] : undefined
  }
  return {
    async at(position) {
      let producer: string | undefined
      let first: FramePart | undefined
      const parts: Uint8Array[] = []
      for (let at = position; ; at++) {
        const stored = await recordAt(at)
        if (stored === undefined) return undefined
        const record = decodeRecord(stored.bytes)
        const { body } = record
        producer ??= record.producer
        if (record.producer !== producer || body.kind !== 'framePart') {
          if (first === undefined) return undefined
          continue // other masters' records, and its own beats, stand between parts
        }
        if (body.index !== parts.length || body.frameDigest !== (first ?? body).frameDigest) return undefined
        first ??= body
        parts.push(body.bytes)
        if (parts.length < first.count) continue
        const { block, parent, frameDigest, deltaHash, level } = first
        return { block, parent, frameDigest, deltaHash, level, bytes: concatBytes(...parts) }
      }
    },
  }
}
