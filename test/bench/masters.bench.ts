/**
 * What a second master costs and saves: of two masters beside one anvil, how many bytes of frames the feed has twice while both are quiet,
 * how long an append takes to be read back (the grace is twice that), and how much later a block is on the feed when the master that leads
 * was killed just before it. On the embedded feed and on a broker of Kafka. Flags: --feed, --blocks, --kills, --transactions.
 */
import '#test/support/core.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { resultsOf } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { decodeRecord } from '#wire/record.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Bench, BenchOptions, BenchRow } from './bench.ts'
import { type FeedKind, feedsOf, openFeedWatch, startKafka } from './publish-feed.ts'

const WARMING = 10
const BLOCK_MS = 250
const SERVES_MS = 60_000
const READ_BYTES = 8_000_000

export const bench: Bench = {
  name: 'masters',
  summary: 'what two masters put on the feed twice, and how late a block is when the leader dies',
  flags: ['feed', 'transactions', 'blocks', 'kills'],
  async run(options) {
    const { quick, flags } = options
    const feeds = feedsOf(options)
    const sizes: Sizes = {
      transactions: wholeFlag(flags, 'transactions', 100),
      blocks: wholeFlag(flags, 'blocks', quick ? 30 : 200),
      kills: wholeFlag(flags, 'kills', quick ? 2 : 8),
    }
    const missing = needs('anvil').skip
    if (missing !== undefined) options.say(`left out: ${missing}`)
    if (missing !== undefined) return { rows: [] }
    const rows: BenchRow[] = []
    for (const feed of feeds) rows.push(await measure(feed, sizes, options.say))
    return { rows }
  },
}

interface Sizes {
  readonly transactions: number
  readonly blocks: number
  readonly kills: number
}

async function measure(
  feed: FeedKind,
  { transactions, blocks, kills }: Sizes,
  say: BenchOptions['say'],
): Promise<BenchRow> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-masters-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const stops: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  try {
    const anvil = await Anvil.start(genesisFile)
    stops.push(() => anvil.stop())
    const kafka = feed === 'kafka' ? await startKafka() : undefined
    if (kafka !== undefined) stops.push(() => kafka.stop())
    const cluster = await startCluster({
      ...{ client: anvil.webSocket, genesisFile, masters: 2, replicas: 1 },
      ...(kafka?.address !== undefined && { feed: kafka.address }),
    })
    stops.push(() => cluster.stop())
    const watch = await openFeedWatch(cluster.openFeed)
    stops.push(() => watch.close())
    const log = await cluster.openFeed()
    stops.push(() => log.close())

    const publish = async (): Promise<number> => {
      const startMs = performance.now()
      await anvil.mine()
      return (await watch.next()).atMs - startMs
    }
    const fill = (): Promise<unknown> => fillBlock(anvil, transactions)
    const quiet: number[] = []
    let from = 0
    for (let i = 0; i < WARMING + blocks; i++) {
      await fill()
      if (i === WARMING) from = (await log.bounds()).next
      const ms = await publish()
      if (i >= WARMING) quiet.push(ms)
      await sleep(BLOCK_MS)
    }
    const { first, all } = await frameBytes(log, from)
    const readBackMs = await Promise.all(cluster.forward.map(readBackP99Ms))

    const late: number[] = []
    for (let kill = 0; kill < kills; kill++) {
      const leader = cluster.masters[await leaderOf(cluster)]
      say(`${feed}: the leader is killed, ${kill + 1}`)
      await fill()
      await leader?.kill('SIGKILL')
      late.push(await publish())
      await leader?.start()
      await waitFor('both masters to have a place', SERVES_MS, async () =>
        (await ranksOf(cluster)).toSorted((a, b) => a - b).join() === '0,1' ? true : undefined,
      )
    }
    return {
      ...{ what: 'two quiet masters, then the leader killed', server: feed, blocks: quiet.length },
      frame_bytes: all,
      twice_percent: Math.round((10_000 * (all - first)) / all) / 100,
      read_back_p99_ms: Math.round(Math.max(...readBackMs) * 100) / 100,
      ...{ published_p50_ms: at(quiet, 0.5), published_p99_ms: at(quiet, 0.99) },
      ...{ kills: late.length, killed_p50_ms: at(late, 0.5), killed_worst_ms: at(late, 1) },
    }
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
}

function at(times: readonly number[], part: number): number {
  return Math.round((times.toSorted((a, b) => a - b)[Math.ceil(part * times.length) - 1] ?? 0) * 10) / 10
}

/** Bytes of frames from a position on: those of the producer that was whole first, and all. */
async function frameBytes(log: RecordLog, from: number): Promise<{ first: number; all: number }> {
  const wholeBy = new Map<string, string>()
  const bytesOf = new Map<string, number>()
  const { next } = await log.bounds()
  for (let position = from; position < next; ) {
    const records = await log.read(position, { maxBytes: READ_BYTES })
    position += records.length
    for (const { producer, body } of records.map(({ bytes }) => decodeRecord(bytes))) {
      if (body.kind !== 'framePart') continue
      const key = `${body.block.hash} ${producer}`
      bytesOf.set(key, (bytesOf.get(key) ?? 0) + body.bytes.length)
      if (body.index === body.count - 1 && !wholeBy.has(body.block.hash)) wholeBy.set(body.block.hash, key)
    }
  }
  const sum = (keys: Iterable<string>): number =>
    [...keys].reduce((all, key) => all + (bytesOf.get(key) ?? 0), 0)
  return { first: sum(wholeBy.values()), all: sum(bytesOf.keys()) }
}

async function metricOf(url: string, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]
  return value === undefined ? undefined : Number(value)
}

const readBackP99Ms = async (url: string): Promise<number> =>
  1_000 * ((await metricOf(url, 'drover_master_read_back_p99_seconds')) ?? 0)

const ranksOf = ({ forward }: Cluster): Promise<number[]> =>
  Promise.all(forward.map(async (url) => (await metricOf(url, 'drover_master_rank')) ?? -1))

async function leaderOf(cluster: Cluster): Promise<number> {
  return waitFor('a leader', SERVES_MS, async () => {
    const place = (await ranksOf(cluster)).indexOf(0)
    return place === -1 ? undefined : place
  })
}

async function fillBlock(anvil: Anvil, transactions: number): Promise<void> {
  const [from, to] = DEV_ACCOUNTS
  const transfer = ['eth_sendTransaction', [{ from, to, value: '0x1', gas: '0x5208' }]] as const
  await resultsOf(
    anvil.http,
    Array.from({ length: transactions }, () => transfer),
  )
}
