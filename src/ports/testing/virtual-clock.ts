/** A clock that moves only when told to: timers fire in order of (due, armed first), and promises settle between them. */
import type { Clock } from '#ports/clock.ts'

/** Turns of the microtask queue given to promises between two timers: longer than any chain of awaits in the roles. */
const SETTLE_TURNS = 100

export interface VirtualClock extends Clock {
  /** Lets time pass, firing what falls due. */
  advance(ms: number): Promise<void>
}

export function createVirtualClock(): VirtualClock {
  let nowMs = 0
  let sequence = 0
  const timers = new Map<number, { readonly atMs: number; readonly fire: () => void }>()
  const after: Clock['after'] = (delayMs, fire) => {
    const id = sequence++
    timers.set(id, { atMs: nowMs + Math.max(0, delayMs), fire })
    return { cancel: () => timers.delete(id) }
  }
  return {
    wallMs: () => 1_700_000_000_000 + nowMs,
    nowMs: () => nowMs,
    after,
    sleep(delayMs, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      if (signal?.aborted === true) {
        reject(signal.reason)
        return promise
      }
      const timer = after(delayMs, resolve)
      signal?.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason)
      })
      return promise
    },
    async advance(ms) {
      const endMs = nowMs + ms
      await settle()
      for (;;) {
        const due = earliest(timers, endMs)
        if (due === undefined) break
        timers.delete(due.id)
        nowMs = Math.max(nowMs, due.atMs)
        due.fire()
        await settle()
      }
      nowMs = endMs
    },
  }
}

function earliest(
  timers: ReadonlyMap<number, { readonly atMs: number; readonly fire: () => void }>,
  endMs: number,
): { id: number; atMs: number; fire: () => void } | undefined {
  let best: { id: number; atMs: number; fire: () => void } | undefined
  for (const [id, timer] of timers)
    if (timer.atMs <= endMs && (best === undefined || timer.atMs < best.atMs)) best = { id, ...timer }
  return best
}

async function settle(): Promise<void> {
  for (let i = 0; i < SETTLE_TURNS; i++) await Promise.resolve()
}
