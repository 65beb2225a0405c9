/** The deadlines of many requests on one timer: nearly all of them end long before, so none is worth a timer of its own. */
import type { Clock, Timer } from '#ports/clock.ts'

export interface Deadlines {
  set(id: number, endsMs: number): void
  clear(id: number): void
  close(): void
}

/** @param expired called once for an id whose time is over; it is cleared before */
export function createDeadlines(clock: Clock, expired: (id: number) => void): Deadlines {
  const ends = new Map<number, number>()
  let armedMs = Number.POSITIVE_INFINITY
  let timer: Timer | undefined

  const arm = (atMs: number): void => {
    timer?.cancel()
    armedMs = atMs
    timer = clock.after(atMs - clock.nowMs(), sweep)
  }
  const sweep = (): void => {
    armedMs = Number.POSITIVE_INFINITY
    const nowMs = clock.nowMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const [id, endsMs] of ends) {
      if (endsMs > nowMs) {
        nextMs = Math.min(nextMs, endsMs)
        continue
      }
      ends.delete(id)
      expired(id)
    }
    if (nextMs < armedMs) arm(nextMs)
  }
  return {
    set(id, endsMs) {
      ends.set(id, endsMs)
      if (endsMs < armedMs) arm(endsMs)
    },
    clear: (id) => void ends.delete(id),
    close() {
      timer?.cancel()
      ends.clear()
      armedMs = Number.POSITIVE_INFINITY
    },
  }
}
