/** The Clock port of one life: its own rate and its own idea of the wall clock, over the world's time. */
import type { Clock } from '#ports/clock.ts'
import type { Life } from './life.ts'
import type { World } from './world.ts'

const EPOCH_MS = 1_700_000_000_000

export function createLifeClock(life: Life, world: World): Clock {
  // Monotonic through changes of the rate: what has passed stays passed.
  let seenMs = world.scheduler.nowMs()
  let ownMs = seenMs
  const nowMs = (): number => {
    const worldMs = world.scheduler.nowMs()
    ownMs += (worldMs - seenMs) * life.clockFacts().rate
    seenMs = worldMs
    return ownMs
  }
  const after: Clock['after'] = (delayMs, fire) => {
    let armed = true
    life.timerArmed(1)
    const disarm = (): void => {
      if (armed) life.timerArmed(-1)
      armed = false
    }
    const { rate } = life.clockFacts()
    const scheduled = life.after(Math.max(0, delayMs) / rate, () => {
      disarm()
      fire()
    })
    return {
      cancel() {
        disarm()
        scheduled.cancel()
      },
    }
  }
  return {
    nowMs,
    wallMs: () => EPOCH_MS + world.scheduler.nowMs() + life.clockFacts().wallOffsetMs,
    after,
    sleep(delayMs, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      if (signal?.aborted === true) {
        reject(signal.reason)
        return promise
      }
      const onAbort = (): void => {
        timer.cancel()
        reject(signal?.reason)
      }
      const timer = after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      return promise
    },
  }
}
