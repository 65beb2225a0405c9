/** CPU time of pieces of work in this thread: medians and tails of many runs. Wall time says little on a machine that others use too. */
import type { BenchRow } from '#test/bench/bench.ts'

export interface Meters {
  time(what: string, server: string, work: () => void): void
  /** One row for each kind of work and who did it, in the order of their first run. */
  rows(): BenchRow[]
}

export function createMeters(): Meters {
  const kinds = new Map<string, { what: string; server: string; us: number[]; systemUs: number }>()
  return {
    time(what, server, work) {
      const before = process.threadCpuUsage()
      work()
      const { user, system } = process.threadCpuUsage(before)
      const key = `${what}/${server}`
      const kind = kinds.get(key) ?? { what, server, us: [], systemUs: 0 }
      kinds.set(key, kind)
      kind.us.push(user + system)
      kind.systemUs += system
    },
    rows: () =>
      [...kinds.values()].map(({ what, server, us, systemUs }) => {
        const sorted = us.toSorted((a, b) => a - b)
        const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] as number
        return {
          what,
          server,
          us: at(0.5),
          p99_us: at(0.99),
          mean_us: Math.round(us.reduce((sum, one) => sum + one, 0) / us.length),
          // Of the mean: in the kernel, mostly for pages that are written to for the first time since they went to disk.
          system_us: Math.round(systemUs / us.length),
          blocks: us.length,
        }
      }),
  }
}
