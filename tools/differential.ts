/**
 * `npm run differential -- --requests N [--seed N]`: random valid and invalid requests to geth and to Drover at the same block; every
 * difference in a result, an error's code, message or data is printed with a command that repeats it (docs/conformance.md).
 *   --blocks N          length of the chain that is made for it
 *   --fork FORK         osaka or amsterdam
 *   --suite DIR         on the chain of a conformance suite instead, which goes through all forks
 *   --from N            the number of the first request of the seed
 *   --keep              leaves the nodes running until ctrl-C, so that differences can be looked at
 *   --url GETH --replica URL [--gateway URL]   judges nodes that run already
 */
import { once } from 'node:events'
import { resolve } from 'node:path'
import { result } from '#test/support/json-rpc.ts'
import { type JudgedCluster, obituaries, startJudgedCluster, startJudgedSuite } from './differential/chain.ts'
import { readFacts } from './differential/facts.ts'
import { runDifferential } from './differential/run.ts'
import { readFlags, refuse, wholeFlag } from './flags.ts'

const values = readFlags('differential', {
  requests: { type: 'string', default: '2000' },
  seed: { type: 'string', default: '1' },
  from: { type: 'string', default: '0' },
  blocks: { type: 'string', default: '60' },
  fork: { type: 'string', default: 'osaka' },
  suite: { type: 'string' },
  url: { type: 'string' },
  replica: { type: 'string' },
  gateway: { type: 'string' },
  keep: { type: 'boolean', default: false },
})

const requests = wholeFlag(values, 'requests', 2_000)
const from = wholeFlag(values, 'from', 0, 0)
const blocks = wholeFlag(values, 'blocks', 60)

const started = performance.now()
const cluster = await judged()
try {
  const ready = performance.now()
  const { asked, different, allowed } = await runDifferential(
    {
      requests,
      seed: values.seed,
      from,
      urls: cluster.urls,
      facts: cluster.facts,
    },
    (line) => console.log(`${line}\n`),
  )
  for (const [name, count] of allowed) console.log(`${count} differ on purpose: ${name}`)
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  console.log(
    `${asked} requests of seed ${values.seed} from ${values.from}, ${different} differences (${seconds(performance.now() - ready)} after ${seconds(ready - started)} of preparing)`,
  )
  process.exitCode = different > 0 ? 1 : 0
  if (values.keep) {
    console.log(JSON.stringify(cluster.urls))
    await once(process, 'SIGINT')
  }
} catch (thrown) {
  throw new Error(`the run did not end\n${obituaries(cluster.processes)}`, { cause: thrown })
} finally {
  await cluster.stop()
}

async function judged(): Promise<JudgedCluster> {
  const { fork, url, replica, gateway = replica } = values
  if (fork !== 'osaka' && fork !== 'amsterdam') refuse('differential', '--fork is osaka or amsterdam')
  if (values.suite !== undefined) return startJudgedSuite(resolve(values.suite))
  if (url === undefined) return startJudgedCluster({ seed: values.seed, blocks, fork })
  if (replica === undefined || gateway === undefined)
    return refuse('differential', '--url GETH needs --replica URL, which follows that geth')
  const head = Number(await result(url, 'eth_blockNumber'))
  return {
    urls: { geth: url, replica, gateway },
    facts: await readFacts(url, head, { addresses: [], sides: [] }),
    processes: [],
    stop: async () => {},
  }
}
