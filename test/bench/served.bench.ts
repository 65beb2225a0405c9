/**
 * From the call that publishes a block to its being served by every replica: frames from a generator, of the profiles of mainnet and of chains of
 * two seconds and less, at their pace, on the embedded feed and on a broker of Kafka. Each replica is asked for the block before it is
 * published and answers when it serves it, so that nothing polls. Flags, each a value or several with commas: --feed embedded,kafka,
 * --profile, --replicas, --block-ms; --blocks N; --keep FILE: shapes that stand in this file are not measured again, and others are added to
 * it, so that the whole table can be had in several sittings.
 */
import '#test/support/core.ts'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { devGenesis } from '#cli/dev/genesis.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { refuse, wholeFlag } from '#tools/flags.ts'
import { bars } from './bars.ts'
import type { Bench, BenchOptions, BenchRow } from './bench.ts'
import { M1, type Profile } from './m1/blocks.ts'
import { generateFeed } from './m1/generated-feed.ts'
import { type FeedKind, FEEDS, startKafka } from './publish-feed.ts'

/** Before anything counts: connections are open, code is compiled. */
const WARMING_BLOCKS_MIN = 3
const WARMING_MS = 8_000
/** Blocks that come faster until then. */
const WARMING_BLOCK_MS = 250
/** Where machine or generator do not keep pace, fewer blocks are measured. */
const LATE_MAX = 1.2
/** A server says that it does not have the block yet, and is asked again. */
const ASKS_MAX = 60
const READY_MS = 60_000
const BUDGET_MS = 40

/** With the writes, accounts and logs that mainnet has for each transaction. */
const scaled = (transactions: number): Profile => ({
  transactions,
  accounts: Math.round(transactions * 2.48),
  slots: Math.round(transactions * 3.2),
  logs: Math.round(transactions * 2.2),
})

interface Pace {
  readonly blockMs: number
  readonly replicas: readonly number[]
}

interface Shape {
  readonly feed: FeedKind
  readonly profile: ProfileName
  readonly replicas: number
  readonly blockMs: number
  readonly blocks: number
}

const FAST: Pace = { blockMs: 250, replicas: [1, 4, 20] }
const LARGE: Pace = { blockMs: 2_000, replicas: [1, 2] }
/** Of mainnet, however long they take. */
const SLOW: Pace = { blockMs: 12_000, replicas: [4] }
const SLOW_BLOCKS = 30
/** And the paces where nothing else is asked for. */
const PROFILES = {
  M1: { profile: M1, paces: [FAST, SLOW] },
  L1: { profile: scaled(200), paces: [FAST] },
  L2: { profile: scaled(3_000), paces: [LARGE] },
  L3: { profile: scaled(10_000), paces: [LARGE] },
} as const
type ProfileName = keyof typeof PROFILES
const QUICK = { feed: 'embedded', profile: 'M1', replicas: '1', 'block-ms': '250', blocks: '40' }
/** As many as come in a while, so that no shape takes longer than a minute. */
const MEASURED_MS = 36_000
const BLOCKS_MAX = 100

export const bench: Bench = {
  name: 'served',
  summary: 'from publishing a generated block to its being served by every replica, at the pace of its chain',
  flags: ['feed', 'profile', 'replicas', 'block-ms', 'blocks', 'keep'],
  async run(options) {
    const { keep } = options.flags
    const kept = keep !== undefined && existsSync(keep) ? rowsIn(keep) : []
    const rows: BenchRow[] = []
    for (const shape of shapesOf(options)) {
      let row = kept.find(({ what, server }) => what === whatOf(shape) && server === serverOf(shape))
      if (row === undefined) {
        options.say(`${whatOf(shape)}, ${serverOf(shape)} replicas: ${shape.blocks} blocks`)
        row = await measure(shape)
        if (keep !== undefined) appendFileSync(keep, `${JSON.stringify(row)}\n`)
      }
      rows.push(row)
    }
    const drawn = rows.map((row) => ({
      name: `${row.what}, ${row.server}`,
      p50: Number(row['p50_ms']),
      p99: Number(row['p99_ms']),
    }))
    options.say(bars(drawn, 'ms', BUDGET_MS))
    return { rows }
  },
}

const whatOf = ({ profile, blockMs }: Shape): string => `${profile} every ${blockMs} ms`
const serverOf = ({ feed, replicas }: Shape): string => `${feed}, ${replicas}`

function rowsIn(file: string): BenchRow[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as BenchRow)
}

function shapesOf({ flags: given, quick, say }: BenchOptions): readonly Shape[] {
  const flags = quick ? { ...QUICK, ...given } : given
  const numbers = (name: string): number[] | undefined =>
    flags[name]?.split(',').map((each) => wholeFlag({ [name]: each }, name, 1))
  const paces = (name: ProfileName): readonly Pace[] => {
    const usual = PROFILES[name].paces
    return numbers('block-ms')?.map((blockMs) => ({ ...usual[0], blockMs })) ?? usual
  }
  const blocksAt = (blockMs: number): number =>
    blockMs >= SLOW.blockMs ? SLOW_BLOCKS : Math.min(BLOCKS_MAX, Math.ceil(MEASURED_MS / blockMs))
  const missing = needs('kafka').skip
  const feeds = chosen(flags, 'feed', FEEDS)
  if (missing !== undefined && feeds.includes('kafka')) say(`left out: ${missing}`)
  return feeds
    .filter((feed) => feed === 'embedded' || missing === undefined)
    .flatMap((feed) =>
      chosen(flags, 'profile', Object.keys(PROFILES) as ProfileName[]).flatMap((profile) =>
        paces(profile).flatMap(({ blockMs, replicas: usual }) => {
          const blocks = wholeFlag(flags, 'blocks', blocksAt(blockMs))
          return (numbers('replicas') ?? usual).map((replicas) => ({
            feed,
            profile,
            replicas,
            blockMs,
            blocks,
          }))
        }),
      ),
    )
}

/** Those of all that a flag names; all of them where it is not given. */
function chosen<T extends string>(
  flags: BenchOptions['flags'],
  name: string,
  all: readonly T[],
): readonly T[] {
  const wanted = flags[name]?.split(',') ?? all
  const unknown = wanted.find((one) => !all.some((each) => each === one))
  if (unknown !== undefined) refuse(`--${name}`, `of ${all.join(', ')} are wanted, not ${unknown}`)
  return all.filter((each) => wanted.includes(each))
}

async function measure(shape: Shape): Promise<BenchRow> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-served-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const stops: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  try {
    const blocks = generateFeed(readGenesis(genesisFile), PROFILES[shape.profile].profile)
    const kafka = shape.feed === 'kafka' ? await startKafka() : undefined
    if (kafka !== undefined) stops.push(() => kafka.stop())
    const cluster = await startCluster({
      ...{ client: 'ws://127.0.0.1:9', genesisFile, masters: 0, replicas: shape.replicas },
      ...(kafka?.address !== undefined && { feed: kafka.address }),
      onFeed: (log) => log.append([blocks.generation]),
    })
    stops.push(() => cluster.stop())
    for (const { url } of cluster.replicas)
      await waitFor(`${url} to be at the feed's end`, READY_MS, async () =>
        (await fetch(`${url}/ready`)).ok ? true : undefined,
      )
    const log = await cluster.openFeed()
    stops.push(() => log.close())
    return rowOf(shape, await publishAll(shape, { cluster, log, next: blocks.next }))
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
}

interface Times {
  readonly appended: number[]
  /** Of the slowest replica for each block. */
  readonly served: number[]
  bytes: number
}

async function publishAll(
  { blocks, blockMs }: Shape,
  { cluster, log, next }: { readonly cluster: Cluster; readonly log: RecordLog; next(): Uint8Array[] },
): Promise<Times> {
  const times: Times = { appended: [], served: [], bytes: 0 }
  const agent = new Agent({ keepAlive: true })
  let coming = next()
  const warmMs = performance.now() + WARMING_MS
  let endMs = Number.POSITIVE_INFINITY
  for (let number = 1; times.served.length < blocks && performance.now() < endMs; number++) {
    const beginMs = performance.now()
    const isWarm = number > WARMING_BLOCKS_MIN && beginMs >= warmMs
    if (isWarm) endMs = Math.min(endMs, beginMs + LATE_MAX * blocks * blockMs)
    const served = cluster.replicas.map(({ url }) => servedAt(url, number, agent))
    const startedMs = performance.now()
    const records = coming
    await log.append(records)
    const appendedMs = performance.now()
    const last = Math.max(...(await Promise.all(served)))
    coming = next() // while the machine has nothing else to do
    if (isWarm) {
      times.appended.push(appendedMs - startedMs)
      times.served.push(last - startedMs)
      times.bytes += records.reduce((sum, { length }) => sum + length, 0)
    }
    const paceMs = isWarm ? blockMs : Math.min(blockMs, WARMING_BLOCK_MS)
    await sleep(Math.max(0, paceMs - (performance.now() - beginMs)))
  }
  agent.destroy()
  return times
}

/** When a server answers at this block or above. */
async function servedAt(url: string, number: number, agent: Agent): Promise<number> {
  for (let asks = 0; asks < ASKS_MAX; asks++) if (await asked(url, number, agent)) return performance.now()
  throw new Error(`${url} does not serve block ${number}`)
}

function asked(url: string, number: number, agent: Agent): Promise<boolean> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] })
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-min-block': number,
  }
  const sent = request(url, { agent, method: 'POST', headers }, (response) => {
    let text = ''
    response.on('data', (chunk: Buffer) => (text += chunk.toString()))
    response.on('end', () =>
      resolve(Number((JSON.parse(text) as { result?: string }).result ?? -1) >= number),
    )
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

function rowOf(shape: Shape, { appended, served, bytes }: Times): BenchRow {
  const at = (times: readonly number[], part: number): number =>
    Math.round((times.toSorted((a, b) => a - b)[Math.ceil(part * times.length) - 1] as number) * 100) / 100
  return {
    what: whatOf(shape),
    server: serverOf(shape),
    blocks: served.length,
    block_KB: Math.round(bytes / served.length / 1_000),
    appended_p50_ms: at(appended, 0.5),
    p50_ms: at(served, 0.5),
    p99_ms: at(served, 0.99),
    worst_ms: at(served, 1),
  }
}
