/**
 * Reading ahead that begins again where it ends before its stretch does: its link to the feed was lost, or a thread of it failed. The next one
 * begins at the record after the last that was given, so that none is given twice; what had been sent and not given is read again. The applier
 * waits meanwhile, as it is slower alone, but not for ever: after some tries without a steady one between them nothing comes any more.
 */
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import type { StartReader } from './ready-frame.ts'

const RESTARTS_MAX = replicaLimits.readerRestartsMax.value
/** Twice that the next time: six tries are 6.3 s, in which a feed host or a broker is back. */
const PAUSE_MS_FIRST = 100
/** Who has read for so long has not failed for the reason of the one before. More than a writing applier takes to notice. */
const STEADY_MS = 30_000

export interface RestartParts {
  readonly clock: Clock
  readonly log: Logger
  /** Of the last one that ended. */
  readonly why?: () => string | undefined
}

export function restarted(start: StartReader, { clock, log, why }: RestartParts): StartReader {
  return async (stretch, signal) => {
    let reader = await start(stretch, signal)
    let startedMs = clock.nowMs()
    let next = stretch.from
    let tries = 0
    let isClosed = false
    /** False where it is given up. */
    const again = async (): Promise<boolean> => {
      if (clock.nowMs() - startedMs >= STEADY_MS) tries = 0
      if (tries === RESTARTS_MAX) return false
      const pauseMs = PAUSE_MS_FIRST * 2 ** tries++
      log.warn('reading ahead has ended and begins again', { position: next, reason: why?.(), pauseMs })
      await reader.close()
      await clock.sleep(pauseMs, signal).catch(() => {}) // aborted: nothing comes any more
      if (signal.aborted || isClosed) return false
      reader = await start({ ...stretch, from: next }, signal)
      startedMs = clock.nowMs()
      return true
    }
    return {
      async next() {
        for (;;) {
          const records = await reader.next()
          next += records?.length ?? 0
          if (records !== undefined || isClosed || signal.aborted || next >= stretch.end) return records
          if (!(await again())) return undefined
        }
      },
      async close() {
        isClosed = true
        await reader.close()
      },
    }
  }
}
