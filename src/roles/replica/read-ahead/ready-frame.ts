/**
 * A frame of the final past, looked into: the rows that it leaves in the store, or why it is no good. And the feed with its frames looked
 * into, where somebody reads it ahead of the applier.
 */
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import type { WholeFrame } from '#protocol/feed/effects.ts'
import { type BlockRows, blockRows } from '#state/rows/block-rows.ts'
import { decodeRecord } from '#wire/record.ts'
import { checkFrame, type Verify } from '#wire/frame-check.ts'

export type ReadyFrame =
  | { readonly kind: 'good'; readonly rows: BlockRows }
  | { readonly kind: 'bad'; readonly why: string }

/** A record, and the frame in it where that is whole and was looked into already. */
export interface ReadyRecord extends LogRecord {
  readonly frame?: ReadyFrame
}

/** Somebody who reads a stretch of the feed ahead of the applier. */
export interface Reader {
  /** The records after those that were given, in the feed's pieces; undefined when nothing comes any more, whatever the reason. */
  next(): Promise<readonly ReadyRecord[] | undefined>
  /** Ends it, also in the middle. */
  close(): Promise<void>
}

/** Records from one position to before another, with the checks that the replica wants. */
export interface Stretch {
  readonly from: number
  readonly end: number
  readonly verify: Verify
  /** What was read and is not taken yet, of all readers. */
  readonly aheadBytesMax: number
  /** Of several readers, which this is: runs of so many records are theirs in turn. */
  readonly share?: { readonly index: number; readonly of: number; readonly runRecords: number }
}

export type StartReader = (stretch: Stretch, signal: AbortSignal) => Promise<Reader>

export function readyFrame(
  bytes: Uint8Array,
  named: WholeFrame,
  verify: Verify,
  compress: Compress,
): ReadyFrame {
  const verdict = checkFrame(bytes, named, verify, compress)
  return verdict.kind === 'good' ? { kind: 'good', rows: blockRows(verdict.frame, compress) } : verdict
}

/** A record of a frame that is whole in one part, looked into; every other as it is. */
export function readyRecord(record: LogRecord, verify: Verify, compress: Compress): ReadyRecord {
  const { producer, body } = decoded(record) ?? {}
  if (producer === undefined || body?.kind !== 'framePart' || body.count !== 1) return record
  const { block, parent, frameDigest, deltaHash, level } = body
  const named = { block, parent, producer, frameDigest, deltaHash, level }
  return { ...record, frame: readyFrame(body.bytes, named, verify, compress) }
}

/** Undefined where the applier will not be able to read it either, and says so at its place. */
function decoded({ bytes }: LogRecord): ReturnType<typeof decodeRecord> | undefined {
  try {
    return decodeRecord(bytes)
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined
    throw thrown
  }
}
