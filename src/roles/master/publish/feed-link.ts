/**
 * The master's line to the feed: one open log, read to its end and then followed, so that what is on the feed is known before anything
 * is appended and soon after. Stands between the publisher and a log that may be lost at any time: after a failure the log is opened
 * again and read to its end before the next append, which is how an append of unknown outcome becomes known.
 */
import { assert } from '#kernel/assert.ts'
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'

const READ_BYTES_MAX = 8 * 1024 * 1024
const REOPEN_MS_MIN = 100
const REOPEN_MS_MAX = 5_000

export interface FeedLink {
  /** Identity of the log that was opened first; every later one must have it. */
  readonly identity: string
  /** One after another; gives the last position. On failure the outcome is unknown until `recover`.
   *  @throws Fault feed/lost while it is opened again, and whatever the log throws */
  append(records: readonly Uint8Array[]): Promise<number>
  /** Every record below has been taken. */
  position(): number
  /** When the present line was opened and had read to the feed's end. */
  openSinceMs(): number
  /** Everything that is on the feed now has been taken when this resolves. */
  readToEnd(): Promise<void>
  /** As of the log: records from `from` on, whether they were taken or not.
   *  @throws whatever the log throws */
  read(from: number, options: { readonly maxBytes: number }): Promise<readonly LogRecord[]>
  /** Opens again with backoff and reads to the end; for ever until it works.
   *  @throws Fault feed/replaced, feed/too-old, what `take` throws, and the signal's reason */
  recover(signal: AbortSignal): Promise<void>
  /** Takes records as they come, recovering by itself, until the signal is aborted. */
  follow(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface FeedLinkCollaborators {
  readonly openLog: () => Promise<RecordLog>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: MasterMetrics
}

/** Says from which position on the records of a log are to be taken, before any of them is. */
export type WhereFrom = (log: RecordLog, identity: string) => Promise<number>

const fromTheFirst: WhereFrom = () => Promise.resolve(0)

/** Opens and reads to the end, trying until it works. `take` is given every record once, in order, from where it is said on.
 *  @throws Fault feed/too-old where the feed no longer has its first record, what `take` throws, and the signal's reason */
export async function openFeedLink(
  take: (record: LogRecord) => void,
  parts: FeedLinkCollaborators,
  signal: AbortSignal,
  whereFrom: WhereFrom = fromTheFirst,
): Promise<FeedLink> {
  let current: RecordLog | undefined
  let identity: string | undefined
  let next = 0
  let openSinceMs = 0
  let recovering: Promise<void> | undefined

  /** Two readers may overlap after a recovery: each record counts once. */
  const takeNew = (records: readonly LogRecord[]): void => {
    for (const record of records) {
      if (record.position < next) continue
      next = record.position + 1
      take(record)
    }
  }
  const log = (): RecordLog => {
    assert(current !== undefined, 'the feed was opened once')
    return current
  }
  const readToEnd = async (): Promise<void> => {
    const bounds = await log().bounds()
    if (bounds.first > next)
      throw new Fault(
        'feed/too-old',
        `the feed begins at position ${bounds.first}, and a master needs it from ${next} on: what it says of the cluster is gone. Copy the folder of a master that is well, or begin a new cluster`,
        { from: next, first: bounds.first },
      )
    while (next < bounds.next) takeNew(await log().read(next, { maxBytes: READ_BYTES_MAX }))
  }
  const reopen = async (): Promise<void> => {
    await current?.close().catch((thrown: unknown) => {
      parts.log.debug('a lost feed did not close', { reason: messageOf(thrown) })
    })
    current = await parts.openLog()
    const found = await current.identity()
    if (identity === undefined) next = await whereFrom(current, found)
    identity ??= found
    if (found !== identity)
      throw new Fault(
        'feed/replaced',
        'another feed stands at the same address: start again with an empty data directory',
        {
          identity,
          found,
        },
      )
    await readToEnd()
    openSinceMs = parts.clock.nowMs()
  }
  const reopenUntilDone = async (signal: AbortSignal): Promise<void> => {
    for (let pauseMs = REOPEN_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, REOPEN_MS_MAX)) {
      try {
        return await reopen()
      } catch (thrown) {
        if (!isTransient(thrown)) throw thrown
        parts.log.warn('the feed cannot be reached', { reason: messageOf(thrown) })
      }
      await parts.clock.sleep(pauseMs * (0.75 + parts.random.unit() / 2), signal)
    }
  }
  /** A host that can be reached and refuses (its disk is full) is given a pause, too. */
  const reopenAgain = async (signal: AbortSignal): Promise<void> => {
    const sinceMs = parts.clock.nowMs() - openSinceMs
    if (sinceMs < REOPEN_MS_MIN) await parts.clock.sleep(REOPEN_MS_MIN - sinceMs, signal)
    await reopenUntilDone(signal)
  }
  const recover = (signal: AbortSignal): Promise<void> => {
    if (recovering === undefined) parts.metrics.feedReopened.add(1)
    recovering ??= reopenAgain(signal).finally(() => {
      recovering = undefined
    })
    return recovering
  }

  await reopenUntilDone(signal)
  assert(identity !== undefined, 'an opened feed has an identity')
  return {
    identity,
    async append(records) {
      // What is to be said was decided without what is there by now.
      if (recovering !== undefined) throw new Fault('feed/lost', 'the feed is being opened again')
      const positions = await log().append(records)
      return positions.at(-1) ?? next
    },
    position: () => next,
    openSinceMs: () => openSinceMs,
    readToEnd,
    read: (from, options) => log().read(from, options),
    recover,
    async follow(signal) {
      while (!signal.aborted) {
        const followed = log()
        try {
          for await (const records of followed.tail(next, signal)) takeNew(records)
        } catch (thrown) {
          if (signal.aborted) return
          if (!isTransient(thrown)) throw thrown
          if (followed === current) await recover(signal)
        }
      }
    },
    close: () => log().close(),
  }
}

/**
 * Faults of the line, and of the host's disk, heal by opening again; those of this master's place on the feed, of records, and bugs do not.
 */
export function isTransient(thrown: unknown): boolean {
  const code = faultCode(thrown) ?? ''
  return TRANSIENT.some((area) => code.startsWith(area)) && !FINAL.includes(code)
}
const TRANSIENT: readonly string[] = ['feed/', 'net/', 'disk/']
const FINAL: readonly string[] = ['feed/replaced', 'feed/too-old', 'feed/foreign', 'feed/unsupported-setting']
