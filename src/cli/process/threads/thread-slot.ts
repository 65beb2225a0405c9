/**
 * A place for one thread that must be there: when it fails another takes its place, after a pause that grows, until too many have failed in
 * too short a time; then the process ends with the last reason. A failure that the next one would meet as well (a taken port, a damaged store:
 * whatever has a code of its own) is the end at once.
 */
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Scope } from '#ports/scope.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import type { Thread } from './worker.ts'

/** The thread itself ended: a bug, a trap, no memory. */
const LOST = 'thread/failed'
const RESTARTS_MAX = replicaLimits.threadRestartsMax.value
const RESTARTS_WITHIN_MS = 60_000
const PAUSE_MS_FIRST = 50

export interface ThreadSlot {
  thread(): Thread
  /** From now on this one is kept; whoever ends the other does it on purpose. */
  put(thread: Thread): void
  /** Whoever ends from now on is not replaced. */
  leave(): void
}

export interface ThreadSlotParts {
  readonly clock: Clock
  readonly log: Logger
  readonly restarts: Restarts
}

/** Resolves when the first thread has started. @throws why it did not */
export async function openThreadSlot(
  name: string,
  begin: () => Promise<Thread>,
  { clock, log, restarts }: ThreadSlotParts,
  scope: Scope,
): Promise<ThreadSlot> {
  let current = await begin()
  let left = false

  const replaceFailed = async (cause: unknown): Promise<void> => {
    for (let reason = cause; ; ) {
      if ((faultCode(reason) ?? LOST) !== LOST) throw reason
      const pauseMs = restarts.next(reason)
      log.error('a thread failed and is replaced', { thread: name, reason: messageOf(reason), pauseMs })
      await clock.sleep(pauseMs, scope.signal)
      try {
        current = await begin()
        return
      } catch (thrown) {
        reason = thrown
      }
    }
  }
  scope.spawn(name, async (signal) => {
    while (!left && !signal.aborted) {
      const thread = current
      try {
        await thread.ended
      } catch (thrown) {
        await thread.gone
        // One that failed while another had taken its place needs no third.
        if (!left && !signal.aborted && current === thread) await replaceFailed(thrown)
      }
      if (current === thread) return // it was told to end, and nobody took its place
    }
  })
  return {
    thread: () => current,
    put: (thread) => void (current = thread),
    leave: () => void (left = true),
  }
}

export interface Restarts {
  /** How long to wait before the next one starts. @throws Fault thread/failed */
  next(cause: unknown): number
}

/** Counted together for all threads of the process. */
export function countRestarts(clock: Clock): Restarts {
  const times: number[] = []
  return {
    next(cause) {
      const nowMs = clock.nowMs()
      while (times.length > 0 && nowMs - (times[0] as number) > RESTARTS_WITHIN_MS) times.shift()
      times.push(nowMs)
      if (times.length <= RESTARTS_MAX) return PAUSE_MS_FIRST * 2 ** (times.length - 1)
      throw new Fault(
        'thread/failed',
        `${times.length} threads failed within a minute, the last because: ${messageOf(cause)}`,
        {},
        { cause },
      )
    },
  }
}
