/** What a read costs a server: CPU µs per request at 1 and 32 connections, every server in turn, each round, with load from another core. */
import { callData } from '#test/geth/wallet.ts'
import { numberFlag, wholeFlag } from '#tools/flags.ts'
import type { Bench, BenchRow } from './bench.ts'
import { type LoadGenerator, measure, median, startLoad } from './load.ts'
import {
  FEW_TRANSFERS,
  NOTHING_KEPT,
  type ReadsChain,
  type ReadsServer,
  startServers,
  TRANSFERS,
} from './reads-servers.ts'

const CONNECTIONS = [1, 32]
/** Before anything counts: a compiler of the second tier looks at a path after thousands of requests, and works beside them. */
const WARM_SECONDS = { quick: 0.6, full: 4 }
/** Different bodies of one case, sent in turn. */
const VARIANTS = 256
const BATCH = 100

interface Case {
  readonly what: string
  readonly bodies: readonly string[]
  /** A replica keeps these results, so that one that keeps none is measured too. */
  readonly isKept?: true
  /** What one request holds, where a row is not about the request alone. */
  readonly parts?: { readonly count: number; readonly figure: 'usPerLog' }
}

interface Cell {
  readonly what: Case
  readonly server: ReadsServer
  readonly connections: number
  readonly us: number[]
  readonly perSecond: number[]
}

export const bench: Bench = {
  name: 'reads',
  summary: 'CPU µs per request: replica, gateway, geth, anvil, and a bare node:http with one constant answer',
  flags: ['seconds', 'rounds', 'servers', 'only'],
  async run({ quick, flags, say }) {
    const secondsEach = numberFlag(flags, 'seconds', quick ? 0.1 : 1)
    const rounds = wholeFlag(flags, 'rounds', quick ? 1 : 5)
    const { servers: all, chain, stop } = await startServers(say)
    const wanted = flags['servers']?.split(',')
    const servers = all.filter(({ server }) => wanted?.includes(server) ?? true)
    const load = startLoad({ core: 1 })
    try {
      const cases = casesOf(chain).filter(({ what }) => what.includes(flags['only'] ?? ''))
      const cells = cases.flatMap((what) =>
        CONNECTIONS.flatMap((connections) =>
          servers
            .filter(({ server }) => what.isKept === true || server !== NOTHING_KEPT)
            .map((server): Cell => ({ what, server, connections, us: [], perSecond: [] })),
        ),
      )
      for (const server of servers)
        if (isCompiledMeanwhile(server))
          await warm(load, server, cases, quick ? WARM_SECONDS.quick : WARM_SECONDS.full)
      for (let round = 1; round <= rounds; round++) {
        for (const cell of cells) await measureOnce(load, cell, secondsEach, say)
        say(`round ${round} of ${rounds}`)
      }
      return { rows: cells.map((cell) => rowOf(cell, cells)) }
    } finally {
      await load.close()
      await stop()
    }
  },
}

/** The others are compiled before they start. */
function isCompiledMeanwhile({ server }: ReadsServer): boolean {
  return server !== 'geth' && server !== 'anvil'
}

async function warm(
  load: LoadGenerator,
  { port, server }: ReadsServer,
  cases: readonly Case[],
  seconds: number,
): Promise<void> {
  for (const { bodies, isKept } of cases)
    if (isKept === true || server !== NOTHING_KEPT)
      await load.run({ host: '127.0.0.1', port, connections: 8, bodies, until: { seconds } })
}

/** On a machine with more to do a server may refuse some: that round is no measure, and is told. */
async function measureOnce(
  load: LoadGenerator,
  cell: Cell,
  seconds: number,
  say: (line: string) => void,
): Promise<void> {
  const { server, what, connections } = cell
  const order = { host: '127.0.0.1', port: server.port, connections, bodies: what.bodies, until: { seconds } }
  try {
    const report = await measure(load, order, server.pids)
    cell.us.push(report.us)
    cell.perSecond.push(report.requests / report.seconds)
  } catch (thrown) {
    say(`${what.what} at ${server.server}, ${connections} connections: ${String(thrown).slice(0, 200)}`)
  }
}

/** With how many times as much as the peers beside it. */
function rowOf({ what, server, connections, us, perSecond }: Cell, all: readonly Cell[]): BenchRow {
  const of = { what: what.what, server: server.server, connections }
  if (us.length === 0) return of
  const times = (peer: string, figure = median): number | undefined => {
    const beside = all.find(
      (cell) => cell.what === what && cell.connections === connections && cell.server.server === peer,
    )
    return beside === undefined || beside.us.length === 0 ? undefined : figure(us) / figure(beside.us)
  }
  return {
    ...of,
    us: median(us),
    timesBare: times('node:http'),
    timesGeth: times('geth'),
    timesAnvil: times('anvil'),
    usBest: least(us),
    timesBareBest: times('node:http', least),
    ...(what.parts && { [what.parts.figure]: median(us) / what.parts.count }),
    perSecond: Math.round(median(perSecond)),
  }
}

/** Of the round in which nothing else used the core and its caches: on a machine with more to do, what says most. */
function least(values: readonly number[]): number {
  return Math.min(...values)
}

function casesOf(chain: ReadsChain): Case[] {
  const { accounts, holders, token } = chain
  const pick = <T>(list: readonly T[], i: number): T => list[i % list.length] as T
  const balance = (i: number) => [pick(accounts, i * 7), 'latest']
  const many = (make: (i: number) => unknown): string[] =>
    Array.from({ length: VARIANTS }, (_, i) => JSON.stringify(make(i)))
  const number = (block: number): string => `0x${block.toString(16)}`
  const logsOf = (block: number) => [{ address: token, fromBlock: number(block), toBlock: number(block) }]
  return [
    { what: 'eth_blockNumber', bodies: many((i) => call(i, 'eth_blockNumber', [])) },
    { what: 'eth_getBalance', bodies: many((i) => call(i, 'eth_getBalance', balance(i))) },
    {
      what: 'eth_call balanceOf',
      bodies: many((i) =>
        call(i, 'eth_call', [
          { to: token, data: callData('Token', 'balanceOf', [pick(holders, i)]) },
          'latest',
        ]),
      ),
    },
    {
      what: `batch of ${BATCH} eth_getBalance`,
      bodies: many((i) =>
        Array.from({ length: BATCH }, (_, j) => call(j, 'eth_getBalance', balance(i * BATCH + j))),
      ),
    },
    {
      what: `block with ${TRANSFERS} transactions`,
      bodies: many((i) => call(i, 'eth_getBlockByNumber', [number(chain.fullBlock), true])),
      isKept: true,
    },
    {
      what: 'eth_getTransactionReceipt',
      bodies: many((i) => call(i, 'eth_getTransactionReceipt', [pick(chain.transactions, i)])),
      isKept: true,
    },
    logsCase(
      FEW_TRANSFERS,
      many((i) => call(i, 'eth_getLogs', logsOf(chain.smallBlock))),
    ),
    logsCase(
      TRANSFERS,
      many((i) => call(i, 'eth_getLogs', logsOf(chain.fullBlock))),
    ),
  ]
}

function logsCase(count: number, bodies: readonly string[]): Case {
  return { what: `eth_getLogs of ${count}`, bodies, parts: { count, figure: 'usPerLog' } }
}

function call(id: number, method: string, params: readonly unknown[]): object {
  return { jsonrpc: '2.0', id, method, params }
}
