/**
 * What the embedded log may drop: whole segments, the oldest first, over a number of bytes or an age. Off unless asked for, and asked for only
 * by somebody who says that they know what goes with it: this release has no snapshots, so that masters, new replicas and replicas that
 * have fallen behind need the feed from where they stand, or from its first record. Age is counted by the times at which segments were begun,
 * and one segment a look may go for it: a wall clock that was wrong when the host was started is seen before much is gone.
 */
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Meter } from '#ports/meter/meter.ts'
import type { LogSegment } from '#ports/record-log/record-log.ts'
import { feedHostLimits } from './limits.ts'
import type { SegmentedLog } from './segmented-log.ts'

const LOOK_EVERY_MS = feedHostLimits.retentionEveryMs.value
/** The log is kept within a size only as well as segments divide it. */
const SEGMENTS_MIN = 2

export interface RetentionOptions {
  /** What the segment that is written may grow to. */
  readonly segmentBytesMax: number
  /** The log is kept within so many bytes; undefined: whatever it has. */
  readonly retainBytes: number | undefined
  /** A segment goes when its newest record is older. */
  readonly retainAgeMs: number | undefined
}

/** @throws Fault options/retention */
export function checkRetention(options: RetentionOptions & { readonly retainWithoutBase: boolean }): void {
  const { retainBytes, segmentBytesMax, retainWithoutBase } = options
  if (!isOn(options)) return
  if (!retainWithoutBase)
    throw new Fault(
      'options/retention',
      'a feed that drops its oldest records can start no new replica and no new master, and one of either that was away for longer than it keeps is lost: there are no snapshots to begin from in this release. Add --retain-without-base if that is what you want',
    )
  if (retainBytes !== undefined && retainBytes < SEGMENTS_MIN * segmentBytesMax)
    throw new Fault(
      'options/retention',
      `--retain-bytes ${retainBytes} is less than two segments of ${segmentBytesMax} bytes, and a segment is dropped whole: raise it, or lower --segment-max`,
    )
}

/** Why the oldest segment goes; undefined while it stays. The one that is written always stays. */
export function whyDropped(
  segments: readonly LogSegment[],
  { retainBytes, retainAgeMs, segmentBytesMax }: RetentionOptions,
  nowMs: number,
): 'bytes' | 'age' | undefined {
  const [oldest, second] = segments
  if (oldest === undefined || second === undefined) return undefined
  const whole = segments.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, segmentBytesMax)
  if (retainBytes !== undefined && whole > retainBytes) return 'bytes'
  // Its newest record is no younger than the segment after it.
  const endedMs = second.begunMs
  const isOld = retainAgeMs !== undefined && endedMs !== undefined && nowMs - endedMs > retainAgeMs
  return isOld ? 'age' : undefined
}

/** Looks each minute and at each new segment until the signal is aborted; a disk that fails is tried again at the next look. */
export async function keepRetention(
  options: RetentionOptions,
  parts: {
    readonly log: SegmentedLog
    readonly clock: Clock
    readonly logger: Logger
    readonly meter: Meter
  },
  signal: AbortSignal,
): Promise<void> {
  const { log, clock, logger } = parts
  const dropped = parts.meter.counter(
    'drover_feedhost_dropped_bytes_total',
    'bytes of segments that retention has dropped',
  )
  let count = log.segments().length
  let wake = (): void => {}
  const stop = log.onAppend(() => {
    if (log.segments().length === count) return
    count = log.segments().length
    wake()
  })
  try {
    while (isOn(options) && !signal.aborted) {
      try {
        await look()
      } catch (thrown) {
        logger.error('the oldest records could not be dropped', { error: messageOf(thrown) })
      }
      count = log.segments().length
      const rolled = new Promise<void>((resolve) => (wake = resolve))
      await Promise.race([rolled, clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})])
    }
  } finally {
    stop()
  }

  async function look(): Promise<void> {
    for (;;) {
      const [oldest, second] = log.segments()
      const why = whyDropped(log.segments(), options, log.nowMs())
      if (why === undefined || oldest === undefined || second === undefined) return
      const { first, next } = await log.trim(second.first)
      dropped.add(oldest.bytes)
      const { bytes, begunMs } = oldest
      logger.info('the oldest records of the feed are dropped', { why, bytes, begunMs, first, next })
      if (why === 'age') return
    }
  }
}

function isOn({ retainBytes, retainAgeMs }: Pick<RetentionOptions, 'retainBytes' | 'retainAgeMs'>): boolean {
  return retainBytes !== undefined || retainAgeMs !== undefined
}
