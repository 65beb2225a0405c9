/** What HTTP itself costs: one constant answer from a bare node:http and from our server, interleaved, load on another core. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Bench, BenchRow } from './bench.ts'
import { CONSTANT_SERVERS, type ConstantServer } from './http-process.ts'
import { type LoadGenerator, measure, median, startLoad } from './load.ts'
import { endProcess, nextMessage, spawnNode } from './pinned-process.ts'

const ENTRY = join(import.meta.dirname, 'http-process.ts')
const BODY = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'eth_getBalance',
  params: [`0x${'ab'.repeat(20)}`, 'latest'],
})
const CONNECTIONS = [1, 32]
/** Enough for the compiler to have seen the path. */
const WARM_REQUESTS = 20_000

interface Running {
  readonly server: ConstantServer
  readonly child: ChildProcess
  readonly port: number
}

export const bench: Bench = {
  name: 'http',
  summary: 'CPU µs per request of a constant answer: bare node:http and our HTTP server',
  flags: [],
  async run({ quick, say }) {
    const rounds = quick ? 3 : 9
    const secondsEach = quick ? 1 : 2
    const running: Running[] = []
    const load = startLoad({ core: 1 })
    try {
      for (const server of CONSTANT_SERVERS) running.push(await startServer(server))
      for (const { port } of running)
        await load.run({
          host: '127.0.0.1',
          port,
          connections: 32,
          bodies: [BODY],
          until: { requests: WARM_REQUESTS },
        })
      return { rows: await measureAll(running, load, { rounds, secondsEach, say }) }
    } finally {
      for (const { child } of running) await endProcess(child)
      await load.close()
    }
  },
}

async function startServer(server: ConstantServer): Promise<Running> {
  const child = spawnNode(ENTRY, [server], 0)
  const { port } = await nextMessage<{ port: number }>(child)
  return { server, child, port }
}

async function measureAll(
  running: readonly Running[],
  load: LoadGenerator,
  { rounds, secondsEach, say }: { rounds: number; secondsEach: number; say: (line: string) => void },
): Promise<BenchRow[]> {
  const cases = CONNECTIONS.flatMap((connections) =>
    running.map((one) => ({ ...one, connections, us: [] as number[], perSecond: [] as number[] })),
  )
  for (let round = 1; round <= rounds; round++) {
    for (const { child, port, connections, us, perSecond } of cases) {
      const order = { host: '127.0.0.1', port, connections, bodies: [BODY], until: { seconds: secondsEach } }
      const report = await measure(load, order, [child.pid as number])
      us.push(report.us)
      perSecond.push(report.requests / report.seconds)
    }
    say(`round ${round} of ${rounds}`)
  }
  return cases.map(({ server, connections, us, perSecond }) => ({
    what: 'constant answer',
    server,
    connections,
    us: median(us),
    perSecond: Math.round(median(perSecond)),
  }))
}
