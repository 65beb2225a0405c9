/** How long light reads wait while ten clients run calls of 50 Mgas without pause: percentiles of eth_getBalance, alone and beside them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { freePort } from '#test/geth/node.ts'
import { Anvil } from '#test/master/anvil.ts'
import { startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { waitFor } from '#test/support/wait.ts'
import { numberFlag, wholeFlag } from '#tools/flags.ts'
import type { Bench, BenchRow } from './bench.ts'
import { type LoadGenerator, type LoadReport, median, startLoad } from './load.ts'

const LIGHT_CONNECTIONS = 8
const HEAVY_CLIENTS = 10
/** Counts down from 1,920,000, 26 gas a step: 49.9 Mgas. */
const HEAVY = { data: '0x63001d4c005b6001900380600557602a5f5260205ff3' }
/** The load makes way for the servers, which have all cores. */
const LOAD_CORE = 1
const READY_MS = 30_000

interface Server {
  readonly server: string
  readonly port: number
}

export const bench: Bench = {
  name: 'heavy',
  summary:
    'eth_getBalance alone, and beside ten clients with calls of 50 Mgas: replica, gateway, a replica without compute threads, anvil',
  flags: ['seconds', 'rounds'],
  async run({ quick, flags, say }) {
    const seconds = numberFlag(flags, 'seconds', quick ? 1.5 : 10)
    const rounds = wholeFlag(flags, 'rounds', quick ? 1 : 3)
    const { servers, stop } = await startServers()
    const light = startLoad({ core: LOAD_CORE })
    const heavy = startLoad({ core: LOAD_CORE })
    try {
      const cells = servers.flatMap((server) =>
        [false, true].map((busy) => ({ server, busy, light: [] as LoadReport[], heavy: [] as LoadReport[] })),
      )
      for (const { server } of cells) await light.run(lightOrder(server, 0.5))
      for (let round = 1; round <= rounds; round++) {
        for (const cell of cells) {
          const crowd = cell.busy ? startCrowd(heavy, cell.server, seconds) : undefined
          cell.light.push(await light.run(lightOrder(cell.server, seconds)))
          const report = await crowd
          if (report !== undefined) cell.heavy.push(report)
        }
        say(`round ${round} of ${rounds}`)
      }
      return { rows: cells.map(rowOf) }
    } finally {
      await light.close()
      await heavy.close()
      await stop()
    }
  },
}

function lightOrder({ port }: Server, seconds: number) {
  const call = { jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params: [DEV_ACCOUNTS[0], 'latest'] }
  const bodies = [JSON.stringify(call)]
  return { host: '127.0.0.1', port, connections: LIGHT_CONNECTIONS, bodies, until: { seconds } }
}

/** Longer than the light load, so that none of it is without company. */
function startCrowd(load: LoadGenerator, { port }: Server, seconds: number): Promise<LoadReport> {
  const bodies = [JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [HEAVY, 'latest'] })]
  return load.run({
    ...{ host: '127.0.0.1', port, connections: HEAVY_CLIENTS, bodies },
    until: { seconds: seconds + 1 },
  })
}

function rowOf(cell: {
  readonly server: Server
  readonly busy: boolean
  readonly light: readonly LoadReport[]
  readonly heavy: readonly LoadReport[]
}): BenchRow {
  for (const { failures, firstFailure } of cell.light)
    if (failures > 0)
      throw new Error(`${cell.server.server}: ${failures} failures; the first: ${firstFailure}`)
  const of = (reports: readonly LoadReport[], figure: (report: LoadReport) => number): number =>
    median(reports.map(figure))
  return {
    what: cell.busy ? 'eth_getBalance beside 10 × 50 Mgas' : 'eth_getBalance alone',
    server: cell.server.server,
    connections: LIGHT_CONNECTIONS,
    p50Ms: of(cell.light, (report) => report.p50Ms),
    p99Ms: of(cell.light, (report) => report.p99Ms),
    maxMs: Math.max(...cell.light.map((report) => report.maxMs)),
    perSecond: Math.round(of(cell.light, (report) => report.requests / report.seconds)),
    ...(cell.busy && {
      heavyPerSecond: of(cell.heavy, ({ requests, failures, seconds }) => (requests - failures) / seconds),
      // Where the machine has no time for them, they are refused after --call-time-max.
      heavyRefused: cell.heavy.reduce((sum, { failures }) => sum + failures, 0),
    }),
  }
}

async function startServers(): Promise<{ readonly servers: readonly Server[]; stop(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-heavy-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(Math.floor(Date.now() / 1_000))))
  const anvil = await Anvil.start(genesisFile, '--block-time', '1')
  const stops: (() => Promise<unknown>)[] = [() => anvil.stop()]
  const stop = async (): Promise<void> => {
    for (const end of stops.toReversed()) await end()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const cluster = await startCluster({ client: anvil.webSocket, genesisFile, replicas: 1 })
    stops.push(() => cluster.stop())
    const port = await freePort()
    const alone = new DroverProcess(
      ...[
        'replica',
        '--id',
        'alone',
        '--genesis',
        genesisFile,
        '--feed',
        `unix:${join(cluster.dir, 'feed.sock')}`,
      ],
      ...['--data', join(dir, 'alone'), '--port', String(port), '--link', `unix:${join(dir, 'alone.sock')}`],
      ...['--compute-threads', '0'],
    )
    stops.push(() => alone.stop())
    await alone.start()
    const portOf = (url: string): number => Number(new URL(url).port)
    const servers = [
      { server: 'replica', port: portOf(cluster.replicas[0]?.url ?? '') },
      { server: 'gateway', port: portOf(cluster.gateway.url) },
      { server: 'replica without compute threads', port },
      { server: 'anvil', port: anvil.port },
    ]
    for (const server of servers)
      await waitFor(`an answer of the ${server.server}`, READY_MS, () =>
        result(`http://127.0.0.1:${server.port}`, 'eth_getBalance', [DEV_ACCOUNTS[0], 'latest']),
      )
    return { servers, stop }
  } catch (thrown) {
    await stop()
    throw thrown
  }
}
