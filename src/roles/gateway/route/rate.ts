/** Requests in the last whole second, for people; metrics have the counters. */
import type { Clock } from '#ports/clock.ts'

export interface Rate {
  count(): void
  total(): number
  perSecond(): number
}

export function createRate(clock: Clock): Rate {
  let total = 0
  let second = 0
  let inSecond = 0
  let before = 0
  const turn = (): void => {
    const now = Math.floor(clock.nowMs() / 1_000)
    if (now === second) return
    before = now === second + 1 ? inSecond : 0
    second = now
    inSecond = 0
  }
  return {
    count() {
      turn()
      total++
      inSecond++
    },
    total: () => total,
    perSecond() {
      turn()
      return before
    },
  }
}
