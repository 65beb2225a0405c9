/**
 * From a frame on the feed to its block being served: clusters of real processes beside anvil, one after another with more masters and
 * replicas, each block against a bare append and tail of the same bytes through a feed host of its own. A frame counts as published when
 * this process, a reader of the feed as any other, has it; a block as served when a server's answer has its number. On the embedded feed, and
 * on a broker of Kafka. Flags: --blocks, --transactions, --feed embedded or kafka, and --masters and --replicas for one shape alone.
 */
import '#test/support/core.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { resultsOf } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Bench, BenchOptions, BenchRow } from './bench.ts'
import {
  type FeedKind,
  feedsOf,
  openBareFeed,
  openFeedWatch,
  startEmbedded,
  startKafka,
} from './publish-feed.ts'
import { openHeadProbe } from './publish-probe.ts'

/** Blocks before anything counts: connections are open and code is compiled. */
const WARMING = 10
/** Between two blocks, so that they do not queue. */
const PAUSE_MS = 30

interface Shape {
  readonly masters: number
  readonly replicas: number
}
const SMALLEST: Shape = { masters: 1, replicas: 1 }
const LARGEST: Shape = { masters: 2, replicas: 4 }
const BETWEEN: readonly Shape[] = [
  { masters: 2, replicas: 1 },
  { masters: 1, replicas: 4 },
]

export const bench: Bench = {
  name: 'publish',
  summary: 'from a frame on the feed to its block served, against a bare append and tail of the same bytes',
  flags: ['masters', 'replicas', 'feed', 'blocks', 'transactions'],
  async run(options) {
    const missing = needs('anvil').skip
    if (missing !== undefined) {
      options.say(`left out: ${missing}`)
      return { rows: [] }
    }
    const { masters, replicas } = options.flags
    const chosen = {
      masters: wholeFlag(options.flags, 'masters', 1),
      replicas: wholeFlag(options.flags, 'replicas', 1),
    }
    const all = [SMALLEST, ...(options.quick ? [] : BETWEEN), LARGEST]
    const shapes = masters === undefined && replicas === undefined ? all : [chosen]
    const rows: BenchRow[] = []
    for (const feed of feedsOf(options)) {
      for (const shape of shapes) {
        options.say(`${feed}: ${shape.masters} masters, ${shape.replicas} replicas`)
        rows.push(...(await measure(feed, shape, options)))
      }
    }
    return { rows }
  },
}

async function measure(kind: FeedKind, shape: Shape, { quick, flags }: BenchOptions): Promise<BenchRow[]> {
  const blocks = wholeFlag(flags, 'blocks', quick ? 50 : 400)
  const transactions = wholeFlag(flags, 'transactions', 100)
  const dir = mkdtempSync(join(tmpdir(), 'drover-publish-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const anvil = await Anvil.start(genesisFile)
  const stops: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true }), () => anvil.stop()]
  try {
    const feed = await (kind === 'kafka' ? startKafka() : startEmbedded(dir))
    stops.push(() => feed.stop())
    const { address } = feed
    const cluster = await startCluster({
      ...{ client: anvil.webSocket, genesisFile, ...shape },
      ...(address !== undefined && { feed: address }),
    })
    stops.push(() => cluster.stop())
    const bare = await openBareFeed(feed)
    stops.push(() => bare.stop())
    const watch = await openFeedWatch(cluster.openFeed)
    stops.push(() => watch.close())
    const probes = probesOf(cluster)
    stops.push(() => probes.forEach(({ close }) => close()))

    const times = new Map<string, number[]>()
    const note = (what: string, ms: number): void => void times.set(what, [...(times.get(what) ?? []), ms])
    for (let i = 0; i < WARMING + blocks; i++) {
      await fill(anvil, transactions)
      const minedMs = performance.now()
      await anvil.mine()
      const { number, atMs, records } = await watch.next()
      const servedMs = await Promise.all(probes.map((probe) => probe.reached(number)))
      const bareMs = await bare.appendAndTail(records)
      await sleep(PAUSE_MS)
      if (i < WARMING) continue
      note('mined → published/master', atMs - minedMs)
      note('published → served/replica', Math.max(...servedMs.slice(1)) - atMs)
      note('published → served/gateway', (servedMs[0] as number) - atMs)
      note('append → tail/feed alone', bareMs)
    }
    return [...times].map(([key, ms]) => rowOf(key, ms, { feed: kind, ...shape }))
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
}

/** The gateway first, then every replica; a row of replicas is about the slowest of each block. */
function probesOf({ gateway, replicas }: Cluster): ReturnType<typeof openHeadProbe>[] {
  return [gateway.url, ...replicas.map(({ url }) => url)].map(openHeadProbe)
}

async function fill(anvil: Anvil, transactions: number): Promise<void> {
  const [from, to] = DEV_ACCOUNTS
  const transfer = ['eth_sendTransaction', [{ from, to, value: '0x1', gas: '0x5208' }]] as const
  await resultsOf(
    anvil.http,
    Array.from({ length: transactions }, () => transfer),
  )
}

function rowOf(key: string, times: readonly number[], shape: Shape & { readonly feed: FeedKind }): BenchRow {
  const [what = '', server = ''] = key.split('/')
  const ascending = times.toSorted((a, b) => a - b)
  const at = (part: number): number => {
    const ms = ascending[Math.ceil(part * ascending.length) - 1] as number
    return Math.round(ms * 1_000) / 1_000
  }
  return { what, server, ...shape, p50_ms: at(0.5), p99_ms: at(0.99), worst_ms: at(1), blocks: times.length }
}
