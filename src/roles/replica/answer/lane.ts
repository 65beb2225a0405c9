/**
 * A lane for work that takes more than one turn: so many go on side by side, so many wait, and more are refused. Without it a crowd of long
 * bodies all go on a little, none ends, each holds what it has made so far, and whoever asks for little waits for a turn of every one.
 */
export interface Lane {
  /** False, at once, where too many wait; and where the signal is aborted meanwhile. Who was let in leaves. */
  enter(signal: AbortSignal): Promise<boolean> | boolean
  leave(): void
  /** Whoever comes now waits, or is refused. */
  isBusy(): boolean
  /** Whoever comes now is refused. */
  isFull(): boolean
}

export function createLane(limits: { readonly runningMax: number; readonly waitingMax: number }): Lane {
  const waiting = new Set<(entered: boolean) => void>()
  let running = 0
  return {
    isBusy: () => running >= limits.runningMax,
    isFull: () => waiting.size >= limits.waitingMax,
    enter(signal) {
      if (running < limits.runningMax) {
        running++
        return true
      }
      if (waiting.size >= limits.waitingMax || signal.aborted) return false
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const gone = (): void => {
        waiting.delete(settle)
        resolve(false)
      }
      const settle = (entered: boolean): void => {
        signal.removeEventListener('abort', gone)
        resolve(entered)
      }
      waiting.add(settle)
      signal.addEventListener('abort', gone, { once: true })
      return promise
    },
    leave() {
      const [next] = waiting
      if (next === undefined) {
        running--
        return
      }
      waiting.delete(next) // its place passes on: `running` stays
      next(true)
    },
  }
}
