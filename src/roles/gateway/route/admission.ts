/** How many requests are answered at once, how many wait, and how many bytes they may hold together. What exceeds that is refused, never collected. */
import { gatewayLimits } from '#roles/gateway/limits.ts'

/** Bodies of all requests that were let in. */
const BODY_BYTES_MAX = gatewayLimits.bodiesBytesMax.value

export interface Admission {
  /** Runs `work` when its turn comes; undefined where there is no room, at once. */
  run<T>(bodyBytes: number, work: () => Promise<T>): Promise<T | undefined>
  inFlight(): number
  queued(): number
}

export function createAdmission(limits: {
  readonly inFlightMax: number
  readonly queuedMax: number
}): Admission {
  const queue = new Set<() => void>()
  let running = 0
  let bytes = 0

  const leave = (): void => {
    const [next] = queue
    if (next === undefined) {
      running--
      return
    }
    queue.delete(next) // its place passes on: `running` stays
    next()
  }

  return {
    inFlight: () => running,
    queued: () => queue.size,
    async run(bodyBytes, work) {
      if (bytes + bodyBytes > BODY_BYTES_MAX) return undefined
      if (running >= limits.inFlightMax && queue.size >= limits.queuedMax) return undefined
      bytes += bodyBytes
      try {
        if (running >= limits.inFlightMax) await new Promise<void>((resolve) => queue.add(resolve))
        else running++
        try {
          return await work()
        } finally {
          leave()
        }
      } finally {
        bytes -= bodyBytes
      }
    },
  }
}
