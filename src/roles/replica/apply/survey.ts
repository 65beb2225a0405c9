/**
 * Runs the feed machine alone over a stretch of the feed, to learn what it has made final: the places at which the head stood on a block
 * that was not undone since. Frames stay closed.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import { decodeRecord } from '#wire/record.ts'
import type { Standing } from '#roles/replica/standing.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const READ_BYTES = replicaLimits.catchUpReadBytesMax.value

/** After the record at `position`, `block` is the head, and it stays on the chain. */
export interface Checkpoint {
  readonly position: number
  readonly block: BlockRef
}

export interface SurveyOptions {
  /** One past the last position to look at. */
  readonly end: number
  readonly horizonBlocks: number
  /** A block that must be reached in any case: it was final when taking blocks up to it began. */
  readonly begun: number | undefined
}

/** Below this many from the newest, only some are kept. */
const RECENT_KEPT = 2_048
const THINNED_FROM = 2 * RECENT_KEPT
const THINNED_BLOCKS = 64

export interface Survey {
  /** Ascending; the last is at or below both finalized and head − horizon. */
  readonly checkpoints: readonly Checkpoint[]
  /** The last record that took away a block which the store has. */
  readonly undoneAt: number | undefined
}

export async function surveyFeed(
  feed: RecordLog,
  { machine, position, heads: { head } }: Standing,
  { end, horizonBlocks, begun }: SurveyOptions,
  signal: AbortSignal,
): Promise<Survey> {
  let checkpoints: Checkpoint[] = []
  let undoneAt: number | undefined
  for await (const records of readTo(feed, position, end, signal))
    for (const record of records) {
      for (const effect of machine.step(record.position, decodeRecord(record.bytes))) {
        if (effect.kind !== 'headMoved') continue
        const lowest = effect.undo.at(-1)
        if (lowest !== undefined && lowest.number <= head.number) undoneAt = record.position
        if (lowest !== undefined)
          while ((checkpoints.at(-1)?.block.number ?? -1) >= lowest.number) checkpoints.pop()
        // Of two moves in one record the second counts.
        if (checkpoints.at(-1)?.position === record.position) checkpoints.pop()
        checkpoints.push({ position: record.position, block: effect.to })
      }
      if (checkpoints.length > THINNED_FROM) checkpoints = thinned(checkpoints, begun)
    }
  const heads = machine.heads()
  assert(heads !== undefined, 'a survey begins after the generation record')
  const limit = Math.max(Math.min(heads.finalized.number, heads.head.number - horizonBlocks), begun ?? 0)
  return { checkpoints: checkpoints.filter(({ block }) => block.number <= limit), undoneAt }
}

function thinned(checkpoints: readonly Checkpoint[], begun: number | undefined): Checkpoint[] {
  const recentFrom = checkpoints.length - RECENT_KEPT
  let kept = Number.NEGATIVE_INFINITY
  return checkpoints.filter(({ block }, i) => {
    if (i < recentFrom && block.number !== begun && block.number - kept < THINNED_BLOCKS) return false
    kept = block.number
    return true
  })
}

/** Records `from` to before `end`, in the feed's pieces. */
export async function* readTo(
  feed: RecordLog,
  from: number,
  end: number,
  signal: AbortSignal,
  maxBytes: number = READ_BYTES,
): AsyncGenerator<readonly LogRecord[]> {
  for (let at = from; at < end && !signal.aborted; ) {
    const records = await feed.read(at, { maxBytes })
    assert(records.length > 0, 'a feed gives what lies below its end')
    yield records.filter(({ position }) => position < end)
    at += records.length
  }
}
