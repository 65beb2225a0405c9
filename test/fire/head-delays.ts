/** How long users wait for a block that an execution client has: from the first client that was told of it to the gateway that shows it. */
import type { HeadWatch } from '#test/cluster/head-watch.ts'
import type { Hex } from '#test/geth/devnet.ts'
import type { FedClient } from '#test/geth/fed-client.ts'
import type { Network } from '#test/geth/network.ts'
import type { FeedTimes } from './feed-times.ts'

/** What a dead leader may cost beside a block time. */
const GRACE_MS = 100

/** Of one block, since the first client had it. */
interface Delay {
  readonly ms: number
  /** Until a client had it whose master lives: nobody could publish it before. */
  readonly toSurvivorMs: number
  /** Until its frame was whole on the feed; the rest is that of replicas and gateway. */
  readonly toFeedMs: number
}

export interface Delays {
  /** p50 and the slowest of the blocks that clients had since then, as counts of this name. */
  since(name: string, fromMs: number, watch: HeadWatch | undefined): Record<string, number>
  /**
   * The slowest block that a client had since a block time before the death; what is not shown by now counts until now.
   * @param dead the client of the master that died at `fromMs`
   */
  afterDeath(fromMs: number, dead: FedClient, watch: HeadWatch | undefined): Delay
  ofDeaths(): Record<string, number>
}

const NONE: Delay = { ms: 0, toSurvivorMs: 0, toFeedMs: 0 }

export function createDelays(network: Network, feed: FeedTimes, blockTimeMs: number): Delays {
  const deaths: Delay[] = []
  const earliest = (hash: Hex, clients: readonly FedClient[]): number =>
    Math.min(...clients.map((client) => client.headAtMs.get(hash) ?? Infinity))
  const since = (fromMs: number, survivors: readonly FedClient[], watch: HeadWatch | undefined): Delay[] => {
    const nowMs = performance.now()
    return network.chain.flatMap(({ number, hash }) => {
      const hadAtMs = earliest(hash, network.clients)
      if (hadAtMs < fromMs || hadAtMs > nowMs) return []
      const after = (atMs: number | undefined): number =>
        Math.max(0, Math.min(atMs ?? Infinity, nowMs) - hadAtMs)
      const ms = after(watch?.seenAtMs[number])
      const toSurvivorMs = Math.min(ms, after(earliest(hash, survivors)))
      return [{ ms, toSurvivorMs, toFeedMs: after(feed.wholeAtMs.get(hash)) }]
    })
  }
  return {
    since(name, fromMs, watch) {
      const all = since(fromMs, network.clients, watch).map(({ ms }) => ms)
      return { [`${name}_delay_p50_ms`]: at(all, 0.5), [`${name}_delay_max_ms`]: at(all, 1) }
    },
    afterDeath(fromMs, dead, watch) {
      const survivors = network.clients.filter((client) => client !== dead)
      const [first = NONE, ...others] = since(fromMs - blockTimeMs, survivors, watch)
      const slowest = others.reduce((a, b) => (b.ms > a.ms ? b : a), first)
      deaths.push(slowest)
      return slowest
    },
    ofDeaths() {
      const all = deaths.map(({ ms }) => ms)
      const ofSurvivors = deaths.map(({ ms, toSurvivorMs }) => ms - toSurvivorMs)
      const over = (delays: readonly number[]): number =>
        delays.filter((one) => one > blockTimeMs + GRACE_MS).length
      return {
        leader_deaths: deaths.length,
        death_delay_p50_ms: at(all, 0.5),
        death_delay_p90_ms: at(all, 0.9),
        death_delay_max_ms: at(all, 1),
        death_delays_over_goal: over(all),
        survivor_delay_p50_ms: at(ofSurvivors, 0.5),
        survivor_delay_max_ms: at(ofSurvivors, 1),
        survivor_delays_over_goal: over(ofSurvivors),
      }
    },
  }
}

/** Of these in order, the one so far from the first, 0, to the last, 1. */
function at(delays: readonly number[], part: number): number {
  const sorted = delays.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
}
