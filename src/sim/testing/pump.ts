/** Runs a simulated world beside a test that awaits promises of it: a turn for each macrotask, until it is stopped. */
import type { World } from '#sim/world/world.ts'

export function pump({ scheduler }: World): { stop(): void } {
  let isOver = false
  const next = (): void => {
    if (isOver) return
    scheduler.turn(Number.POSITIVE_INFINITY)
    setImmediate(next)
  }
  setImmediate(next)
  return {
    stop() {
      isOver = true
    },
  }
}
