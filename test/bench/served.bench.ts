/**
 * From the call that publishes a block to its being served by every replica: frames from a generator, of the profiles of mainnet and of chains of
 * two seconds and less, at their pace, on the embedded feed and on a broker of Kafka. Each replica is asked for the block before it is
 * published and answers when it serves it, so that nothing polls. Flags: --feed embedded or kafka, --profile, --replicas, --blocks, --block-ms
 * for one shape alone.
 */
import '#test/support/core.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { refOf } from '#chain/block/frame.ts'
import { devGenesis } from '#cli/dev/genesis.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { toHex } from '#kernel/bytes.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { bars } from './bars.ts'
import type { Bench, BenchOptions, BenchRow } from './bench.ts'
import { createBlocks, M1, type Profile } from './m1/blocks.ts'
import { flagOf } from './m1/cpu.ts'
import { record, recordsOf } from './m1/replica.ts'
import { createWorld } from './m1/world.ts'
import { startKafka } from './publish-feed.ts'

const WORLD_SLOTS = 1_000_000
/** Before anything counts: connections are open, code is compiled. */
const WARMING = 10
const WARMING_MS = 500
/** A block is final when so many stand above it. */
const FINAL_BELOW_HEAD = 64
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
const PROFILES: Readonly<Record<string, Profile>> = {
  M1,
  L1: scaled(200),
  L2: scaled(3_000),
  L3: scaled(10_000),
}

interface Shape {
  readonly feed: 'embedded' | 'kafka'
  readonly profile: string
  readonly replicas: number
  readonly blockMs: number
  readonly blocks: number
}

const PACES: readonly Omit<Shape, 'feed'>[] = [
  ...['M1', 'L1'].flatMap((profile) =>
    [1, 4, 20].map((replicas) => ({ profile, replicas, blockMs: 250, blocks: 100 })),
  ),
  ...['L2', 'L3'].flatMap((profile) =>
    [1, 2].map((replicas) => ({ profile, replicas, blockMs: 2_000, blocks: 30 })),
  ),
  { profile: 'M1', replicas: 4, blockMs: 12_000, blocks: 30 },
]
const QUICK: readonly Omit<Shape, 'feed'>[] = [{ profile: 'M1', replicas: 1, blockMs: 250, blocks: 40 }]

export const bench: Bench = {
  name: 'served',
  summary: 'from publishing a generated block to its being served by every replica, at the pace of its chain',
  async run(options) {
    const rows: BenchRow[] = []
    for (const shape of shapesOf(options)) {
      options.say(`${nameOf(shape)}, ${shape.blocks} blocks every ${shape.blockMs} ms`)
      rows.push(await measure(shape))
    }
    const drawn = rows.map((row) => ({
      name: `${row.what} ${row.server}`,
      p50: Number(row['p50_ms']),
      p99: Number(row['p99_ms']),
    }))
    options.say(bars(drawn, 'ms', BUDGET_MS))
    return { rows }
  },
}

const nameOf = ({ profile, feed, replicas }: Shape): string => `${profile} ${feed}, ${replicas} replicas`

function shapesOf({ flags, quick, say }: BenchOptions): readonly Shape[] {
  const missing = needs('kafka').skip
  const feeds = (['embedded', 'kafka'] as const).filter(
    (feed) => (flags['feed'] ?? (quick ? 'embedded' : feed)) === feed,
  )
  if (missing !== undefined && feeds.includes('kafka')) say(`left out: ${missing}`)
  const { profile } = flags
  const one = profile !== undefined && {
    profile,
    replicas: flagOf(flags, 'replicas', 1),
    blockMs: flagOf(flags, 'block-ms', 250),
    blocks: flagOf(flags, 'blocks', 100),
  }
  const paces = one ? [one] : quick ? QUICK : PACES
  return feeds
    .filter((feed) => feed === 'embedded' || missing === undefined)
    .flatMap((feed) => paces.map((pace) => ({ feed, ...pace })))
}

async function measure(shape: Shape): Promise<BenchRow> {
  const profile = PROFILES[shape.profile]
  if (profile === undefined)
    throw new Error(`--profile is one of ${Object.keys(PROFILES).join(', ')}, not ${shape.profile}`)
  const dir = mkdtempSync(join(tmpdir(), 'drover-served-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const stops: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  try {
    const blocks = blocksOf(readGenesis(genesisFile), profile)
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

/** Endless: what a master appends for each next block. */
function blocksOf(genesis: Genesis, profile: Profile): { generation: Uint8Array; next(): Uint8Array[] } {
  const { header, config } = genesis
  const compress = createZstd()
  const next = createBlocks(createWorld(WORLD_SLOTS), header, { profile })
  const recent: ReturnType<typeof next>[] = []
  return {
    generation: record({
      ...{ kind: 'generation', chainId: config.chainId, genesisHash: header.hash, generation: 1 },
      ...{ base: refOf(header), baseHeader: header.rlp, baseStateRoot: toHex(header.stateRoot) },
      settings: { agree: 1 },
    }),
    next() {
      const frame = next()
      recent.push(frame)
      if (recent.length > FINAL_BELOW_HEAD) recent.shift()
      return recordsOf(frame, recent.length === FINAL_BELOW_HEAD ? recent[0] : undefined, compress)
    },
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
  for (let number = 1; number <= WARMING + blocks; number++) {
    const beginMs = performance.now()
    const served = cluster.replicas.map(({ url }) => servedAt(url, number, agent))
    const startedMs = performance.now()
    const records = coming
    await log.append(records)
    const appendedMs = performance.now()
    const last = Math.max(...(await Promise.all(served)))
    coming = next() // while the machine has nothing else to do
    if (number > WARMING) {
      times.appended.push(appendedMs - startedMs)
      times.served.push(last - startedMs)
      times.bytes += records.reduce((sum, { length }) => sum + length, 0)
    }
    const paceMs = number > WARMING ? blockMs : Math.min(blockMs, WARMING_MS)
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
    what: `${shape.profile} every ${shape.blockMs} ms`,
    server: `${shape.feed}, ${shape.replicas}`,
    blocks: served.length,
    block_KB: Math.round(bytes / served.length / 1_000),
    appended_p50_ms: at(appended, 0.5),
    p50_ms: at(served, 0.5),
    p99_ms: at(served, 0.99),
    worst_ms: at(served, 1),
  }
}
