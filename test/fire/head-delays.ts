/** How long users wait for a block that an execution client has: from the first client that was told of it to the gateway that shows it. */
import type { HeadWatch } from '#test/cluster/head-watch.ts'
import type { Network } from '#test/geth/network.ts'
import type { FeedTimes } from './feed-times.ts'

/** What a dead leader may cost beside a block time. */
const GRACE_MS = 100

/** Of one block, since the first client had it. */
interface Delay {
  readonly ms: number
  /** Until its frame was whole on the feed; the rest is that of replicas and gateway. */
  readonly toFeedMs: number
}

export interface Delays {
  /** p50 and the slowest of the blocks that clients had since then, as counts of this name. */
  since(name: string, fromMs: number, watch: HeadWatch | undefined): Record<string, number>
  /** The slowest block that a client had between these moments; what was not shown by the end counts until then. */
  afterDeath(fromMs: number, toMs: number, watch: HeadWatch | undefined): Delay
  ofDeaths(): Record<string, number>
}

const NONE: Delay = { ms: 0, toFeedMs: 0 }

export function createDelays(network: Network, feed: FeedTimes, blockTimeMs: number): Delays {
  const deaths: number[] = []
  const between = (fromMs: number, toMs: number, watch: HeadWatch | undefined): Delay[] =>
    network.chain.flatMap(({ number, hash }) => {
      const hadAtMs = Math.min(...network.clients.map((client) => client.headAtMs.get(hash) ?? Infinity))
      if (hadAtMs < fromMs || hadAtMs > toMs) return []
      const after = (atMs: number | undefined): number => Math.max(0, (atMs ?? toMs) - hadAtMs)
      return [{ ms: after(watch?.seenAtMs[number]), toFeedMs: after(feed.wholeAtMs.get(hash)) }]
    })
  return {
    since(name, fromMs, watch) {
      const sorted = between(fromMs, performance.now(), watch).toSorted((a, b) => a.ms - b.ms)
      const at = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)]?.ms ?? 0)
      return { [`${name}_delay_p50_ms`]: at(0.5), [`${name}_delay_max_ms`]: at(1) }
    },
    afterDeath(fromMs, toMs, watch) {
      const slowest = between(fromMs - blockTimeMs, toMs, watch).reduce((a, b) => (b.ms > a.ms ? b : a), NONE)
      deaths.push(slowest.ms)
      return slowest
    },
    ofDeaths() {
      const sorted = deaths.toSorted((a, b) => a - b)
      return {
        leader_deaths: deaths.length,
        death_delay_p50_ms: Math.round(sorted[Math.floor((sorted.length - 1) / 2)] ?? 0),
        death_delay_p90_ms: Math.round(sorted[Math.ceil(sorted.length * 0.9) - 1] ?? 0),
        death_delay_max_ms: Math.round(sorted.at(-1) ?? 0),
        death_delays_over_goal: deaths.filter((one) => one > blockTimeMs + GRACE_MS).length,
      }
    },
  }
}
