/** The whole cluster beside a real geth: every state, block, receipt and log within the horizon is geth's, through reorganisations. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { result } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { compareChains, compareStates } from './compare.ts'
import { Devnet } from './devnet.ts'
import { createScenario } from './scenario.ts'

const BLOCKS = 300
const HORIZON = 128
const CATCH_UP_MS = 30_000

const head = async (url: string): Promise<string> =>
  ((await result(url, 'eth_getBlockByNumber', ['latest', false])) as { hash: string }).hash

test('300 blocks of everything hard, with two reorganisations, are geth’s in every value', {
  ...needs('geth'),
  timeout: 300_000,
}, async (t) => {
  const scenario = createScenario()
  const net = await Devnet.start({ alloc: scenario.alloc })
  const [node] = net.nodes
  if (node === undefined) throw new Error('a devnet has a node')
  let cluster: Cluster | undefined
  const atHead = async (): Promise<void> => {
    const wanted = scenario.chain.at(-1)?.hash
    for (const url of [
      ...(cluster as Cluster).replicas.map((replica) => replica.url),
      (cluster as Cluster).gateway.url,
    ]) {
      await waitFor(`${url} at ${wanted}`, CATCH_UP_MS, async () =>
        (await head(url)) === wanted ? true : undefined,
      )
    }
  }
  try {
    for (let i = 0; i < 20; i++) await scenario.block(net)
    cluster = await startCluster({
      client: node.webSocket,
      genesisFile: net.genesisFile,
      replicas: 2,
      horizon: HORIZON,
      lastReplica: ['--verify', 'strict'],
    })
    const { replicas, gateway } = cluster
    const urls = [replicas[0]?.url ?? '', gateway.url]

    await t.test('blocks from before the cluster was there are caught up with', atHead)
    await t.test('a reorganisation of depth 1', async () => {
      while (scenario.chain.length < 60) await scenario.block(net)
      await atHead()
      await scenario.reorg(net, 1)
      await atHead()
    })
    await t.test('a reorganisation of depth 5', async () => {
      while (scenario.chain.length < 120) await scenario.block(net)
      await atHead()
      await scenario.reorg(net, 5)
      await atHead()
    })
    while (scenario.chain.length < BLOCKS) await scenario.block(net)
    await atHead()

    await t.test('state at the head and at every block within the horizon', async () => {
      const to = scenario.chain.length
      const compared = await compareStates(node, urls[0] ?? '', to - HORIZON, to)
      assert.ok(compared > 50_000, `${compared} values`)
    })
    await t.test('blocks, receipts and logs as JSON, also through the gateway', async () => {
      await compareChains(node, urls[0] ?? '', 0, scenario.chain.length)
      await compareChains(node, urls[1] ?? '', scenario.chain.length - 10, scenario.chain.length)
    })
    await t.test('safe and finalized', async () => {
      for (const tag of ['safe', 'finalized']) {
        const expected = ((await node.rpc('eth_getBlockByNumber', tag, false)) as { hash: string }).hash
        await waitFor(`${tag} of geth`, CATCH_UP_MS, async () => {
          const got = (await result(gateway.url, 'eth_getBlockByNumber', [tag, false])) as { hash: string }
          return got.hash === expected ? true : undefined
        })
      }
    })
  } catch (thrown) {
    const logs =
      cluster === undefined
        ? ''
        : [cluster.master, ...cluster.replicas.map((r) => r.process), cluster.gateway.process]
            .map(({ args, log }) => `--- ${args.slice(0, 3).join(' ')}\n${log.slice(-2_000)}`)
            .join('\n')
    throw new Error(`the cluster's logs:\n${logs}`, { cause: thrown })
  } finally {
    await cluster?.stop()
    await net.stop()
  }
})
