/** The real clock. */
import type { Clock } from '#ports/clock.ts'

/** Longer delays than this wrap in Node's timers. */
const DELAY_MS_MAX = 2_147_483_647

export function createClock(): Clock {
  return {
    wallMs: () => Date.now(),
    nowMs: () => performance.now(),
    after(delayMs, fire) {
      const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), DELAY_MS_MAX))
      return { cancel: () => clearTimeout(timer) }
    },
    sleep(delayMs, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      if (signal?.aborted) {
        reject(signal.reason)
        return promise
      }
      const aborted = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', aborted)
        resolve()
      }, delayMs)
      signal?.addEventListener('abort', aborted, { once: true })
      return promise
    },
  }
}
