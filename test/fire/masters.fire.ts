/**
 * Two masters on two geth nodes, a feed on Kafka and four replicas, under random SIGKILL, SIGSTOP and restarts of masters, clients and the
 * broker, or one of three brokers (the partition's leader as often as the two others together), with late, silent and wiped clients and
 * reorganisations: no block is missing, no replica's head goes back, every frame travels once, and stores equal one that was built alone,
 * table by table. A seed decides what is done.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '#kernel/fault.ts'
import { createPrng } from '#kernel/prng.ts'
import { Hammer } from '#test/cluster/hammer.ts'
import { HeadWatch } from '#test/cluster/head-watch.ts'
import { exactReplicas, likeFromScratch } from '#test/cluster/judge.ts'
import { onFeed, publishedSince } from '#test/cluster/published.ts'
import { allServe } from '#test/cluster/windows.ts'
import { keepLogs, type KafkaRig, leaderOf, openKafkaRig } from '#test/cluster/rig.ts'
import { GETH, KAFKA_LIBS } from '#test/support/needs.ts'
import { existsSync } from 'node:fs'
import { waitFor } from '#test/support/wait.ts'
import { wholeFlag, wordFlag } from '#tools/flags.ts'
import { carryOut, describe, drawFaults } from './faults.ts'
import { FeedTimes } from './feed-times.ts'
import type { Fire, FireReport } from './fire.ts'
import { createDelays, type Delays } from './head-delays.ts'

const BLOCK_TIME_MS = 400
const MASTERS = 2
const GATEWAY_EVERY_MS = 10
const REPLICA_EVERY_MS = 50
const HAMMER_EVERY_MS = 100
const BACK_MS = 90_000
/** Blocks that a replica may be behind the chain and still be said to have returned. */
const BEHIND_MAX = 2
/** Of all bytes of frames, repeated ones; judged where there are so many blocks that single faults do not decide. */
const WASTED_PERCENT_MAX = 3
const WASTED_JUDGED_BLOCKS_MIN = 1_000
const REORG_DEPTH_MAX = 3
const LEADER_DOWN_MS = 3_000
/** What is done round by round, again and again. */
const ROUNDS = ['faults', 'faults', 'faults', 'leader', 'reorg'] as const
/** Of which one alone can be asked for. */
const KINDS = ['faults', 'broker', 'leader', 'reorg'] as const
type Kind = (typeof KINDS)[number]

interface Run {
  readonly rig: KafkaRig
  readonly watches: readonly HeadWatch[]
  readonly hammer: Hammer
  readonly feedTimes: FeedTimes
  readonly delays: Delays
  readonly violations: string[]
  readonly counts: Record<string, number | string>
  readonly say: (line: string) => void
}

export const fire: Fire = {
  name: 'masters',
  summary:
    'random SIGKILL, SIGSTOP and restarts of masters, clients and brokers (--blocks N --seed N --brokers 1|3 --pause-max MS --logs DIR --only faults|broker|leader|reorg)',
  flags: ['seed', 'blocks', 'calm', 'pause-max', 'only', 'brokers', 'logs'],
  missing: () =>
    existsSync(GETH) && existsSync(join(KAFKA_LIBS, '.done'))
      ? undefined
      : 'geth or Kafka: npm run setup:peers',
  async run({ quick, flags, say }) {
    const seed = flags['seed'] ?? String(Math.floor(Math.random() * 1e9))
    const blocks = wholeFlag(flags, 'blocks', quick ? 60 : 2_000)
    const calm = wholeFlag(flags, 'calm', quick ? 10 : 100)
    const pauseMsMax = wholeFlag(flags, 'pause-max', quick ? 2_000 : 40_000)
    const only = wordFlag(flags, 'only', KINDS)
    const brokers = wordFlag(flags, 'brokers', ['1', '3']) === '3' ? 3 : 1
    say(`seed ${seed}, brokers: ${brokers}`)
    const rig = await openKafkaRig({ blockTimeMs: BLOCK_TIME_MS, masters: MASTERS, replicas: 4, brokers })
    const { gateway, replicas } = rig.cluster
    const feedTimes = new FeedTimes(rig.cluster.openFeed)
    const run: Run = {
      rig,
      watches: [
        new HeadWatch('gateway', gateway.url, GATEWAY_EVERY_MS),
        ...replicas.map(({ url }, i) => new HeadWatch(`r${i + 1}`, url, REPLICA_EVERY_MS)),
      ],
      hammer: new Hammer(gateway.url, HAMMER_EVERY_MS),
      feedTimes,
      delays: createDelays(rig.network, feedTimes, BLOCK_TIME_MS),
      violations: [],
      counts: { seed, brokers },
      say,
    }
    try {
      await attempt(run, 'at the beginning', () => returned(run))
      await quietTime(run, calm)
      await disturb(run, { blocks, pauseMsMax, seed, kinds: only === undefined ? ROUNDS : [only] })
      return await judge(run)
    } finally {
      await Promise.all([run.hammer, run.feedTimes, ...run.watches].map((one) => one.stop()))
      if (flags['logs'] !== undefined) keepLogs(rig, flags['logs'])
      await rig.close()
    }
  },
}

/** Nobody suffers: every frame travels once. */
async function quietTime(run: Run, blocks: number): Promise<void> {
  const { rig, counts } = run
  const log = await rig.cluster.openFeed()
  try {
    const { next } = await log.bounds()
    const fromMs = performance.now()
    const wanted = rig.network.chain.length + blocks
    await waitFor(`${blocks} blocks`, BACK_MS + blocks * BLOCK_TIME_MS * 4, () =>
      run.watches.every(({ highest }) => highest >= wanted) ? true : undefined,
    )
    const { frames, blocks: whole, wastedBytes } = await publishedSince(log, next)
    Object.assign(counts, { calm_blocks: whole.size, calm_repeated_frames: frames - whole.size })
    Object.assign(counts, {
      calm_wasted_bytes: wastedBytes,
      ...run.delays.since('calm', fromMs, run.watches[0]),
    })
  } finally {
    await log.close()
  }
}

async function disturb(
  run: Run,
  plan: {
    readonly blocks: number
    readonly pauseMsMax: number
    readonly seed: string
    readonly kinds: readonly Kind[]
  },
): Promise<void> {
  const { rig, counts, violations } = run
  let faults = 0
  let reorgs = 0
  const first = rig.network.chain.length
  for (let round = 0; rig.network.chain.length < first + plan.blocks; round++) {
    const prng = createPrng(plan.seed).child(`round ${round}`)
    const kind = plan.kinds[round % plan.kinds.length] as Kind
    const before = violations.length
    if (kind === 'faults' || kind === 'broker') {
      const drawn = drawFaults(prng, {
        masters: kind === 'broker' ? 0 : MASTERS,
        brokers: rig.brokers.length,
        pauseMsMax: plan.pauseMsMax,
      })
      faults += drawn.length
      run.say(`block ${rig.network.chain.length}, round ${round}: ${describe(drawn)}`)
      const done = drawn.map((fault) => attempt(run, describe([fault]), () => carryOut(rig, fault)))
      await Promise.all(done)
    } else if (kind === 'leader') {
      faults++
      await attempt(run, 'the leading master', () => withoutLeader(run))
    } else {
      reorgs++
      const depth = prng.between(1, REORG_DEPTH_MAX)
      run.say(`block ${rig.network.chain.length}, round ${round}: reorganisation of depth ${depth}`)
      await rig.network.reorg(depth)
    }
    await attempt(run, `after round ${round} (${kind})`, () => returned(run))
    if (violations.length > before) break // what follows would be judged by what is broken already
  }
  Object.assign(counts, { faults, reorgs, blocks: rig.network.chain.length - first })
}

/** Killed while the other master serves at the head: how long do users wait for the next blocks? */
async function withoutLeader(run: Run): Promise<void> {
  const { rig, delays, say } = run
  await allServe(rig, BACK_MS)
  const { name, master, client } = await leaderOf(rig)
  const fromMs = performance.now()
  await master.kill('SIGKILL')
  await sleep(LEADER_DOWN_MS)
  const slowest = delays.afterDeath(fromMs, client, run.watches[0])
  say(
    `block ${rig.network.chain.length}: kill the leader ${name}, slowest block after ${Math.round(slowest.ms)} ms: ${Math.round(slowest.toSurvivorMs)} to the other client, ${Math.round(slowest.toFeedMs)} to the feed`,
  )
  await master.start()
}

/** All processes live, and every server is at the chain's head. */
async function returned({ rig, watches }: Run): Promise<void> {
  for (const process of rig.cluster.masters)
    if (!process.isRunning) {
      const { ending, log } = process
      await process.start()
      throw new Error(`${process.args[2]} ended by itself (${ending}): ${log.slice(-1_500)}`)
    }
  const wanted = rig.network.chain.length
  await waitFor(`block ${wanted} at ${watches.length} servers`, BACK_MS, () =>
    watches.every(({ highest }) => highest >= wanted - BEHIND_MAX) ? true : undefined,
  )
}

async function judge(run: Run): Promise<FireReport> {
  const { rig, watches, hammer, violations, counts, delays } = run
  const { cluster, network } = rig
  await rig.quiet()
  for (const client of network.clients)
    await attempt(run, 'a client at the head', async () => {
      await waitFor('the newest block', BACK_MS, () => (client.isUpToDate ? true : undefined))
    })
  await attempt(run, 'replicas and client', () => exactReplicas(cluster, rig.reference, rig.accounts))
  await Promise.all([hammer, ...watches].map((one) => one.stop()))
  violations.push(
    ...network.clients.flatMap(({ refused }) => refused.map((one) => `a client refuses ${one}`)),
  )
  violations.push(...hammer.wrongs, ...watches.flatMap(({ wrongs }) => wrongs))
  if (hammer.answers === 0) violations.push('nobody was answered: there was no load')
  await attempt(run, 'the feed', async () => {
    const { frameBytes, wastedBytes, frames, blocks } = await onFeed(cluster, (log) => publishedSince(log, 0))
    const missing = network.chain.filter(({ hash }) => !blocks.has(hash))
    if (missing.length > 0)
      violations.push(`not on the feed: ${missing.map(({ number }) => number).join(', ')}`)
    const percent = (wastedBytes / frameBytes) * 100
    Object.assign(counts, { frames, repeated_frames: frames - blocks.size, frame_bytes: frameBytes })
    Object.assign(counts, { wasted_bytes: wastedBytes, wasted_percent: Number(percent.toFixed(2)) })
    if (percent >= WASTED_PERCENT_MAX && network.chain.length >= WASTED_JUDGED_BLOCKS_MIN)
      violations.push(`${percent.toFixed(1)} % of the bytes were repeated`)
  })
  await attempt(run, 'a store built alone', () => likeFromScratch(cluster, rig.genesisFile))
  const wipes = network.clients.reduce((sum, client) => sum + client.wipes, 0)
  Object.assign(counts, { wipes, answers: hammer.answers, ...delays.ofDeaths() })
  return {
    verdict: `${counts['faults']} faults and ${counts['reorgs']} reorgs over ${counts['blocks']} blocks; nothing missing, no head back, ${counts['wasted_percent']} % of the bytes twice`,
    violations,
    counts,
  }
}

async function attempt(run: Run, what: string, check: () => Promise<unknown>): Promise<void> {
  try {
    await check()
  } catch (thrown) {
    run.violations.push(`${what}: ${messageOf(thrown).slice(0, 2_000)}`)
    run.say(`violated: ${what}: ${messageOf(thrown).slice(0, 300)}`)
  }
}
