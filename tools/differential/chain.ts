/** A geth devnet with a chain of random mixtures, and a Drover cluster that follows it, at the same head. */
import { createMixedChain } from '#test/geth/mixed-chain.ts'
import { Devnet, type Hex } from '#test/geth/devnet.ts'
import type { GethNode } from '#test/geth/node.ts'
import { Wallet } from '#test/geth/wallet.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { waitFor } from '#test/support/wait.ts'
import { startGethOnSuite } from '#test/conformance/geth-on-suite.ts'
import { startSuiteCluster, type SuiteCluster } from '#tools/conformance/cluster.ts'
import type { Urls } from './ask-both.ts'
import { type Facts, readFacts } from './facts.ts'

const HEAD_WAIT_MS = 60_000
const REORG_EVERY = 15
const REORG_DEPTH = 3
/** Above what is final. */
const LAST_REORGS = [2, 5]
/** The state of all of the chain is kept. */
const HORIZON_OVER = 100

export interface JudgedCluster {
  readonly urls: Urls
  readonly facts: Facts
  readonly processes: readonly DroverProcess[]
  stop(): Promise<void>
}

export async function startJudgedCluster(options: {
  readonly seed: number | string
  readonly blocks: number
  readonly fork: 'osaka' | 'amsterdam'
}): Promise<JudgedCluster> {
  Wallet.gasScale = options.fork === 'amsterdam' ? 5n : 1n
  const mixed = createMixedChain(options.seed)
  const net = await Devnet.start({ alloc: mixed.alloc, fork: options.fork })
  const [node] = net.nodes
  let cluster: Cluster | undefined
  const stop = async (): Promise<void> => {
    await cluster?.stop()
    await net.stop()
  }
  try {
    if (node === undefined) throw new Error('a devnet has a node')
    while (mixed.chain.length < options.blocks) {
      await mixed.block(net)
      if (mixed.chain.length % REORG_EVERY === 0) await mixed.reorg(net, REORG_DEPTH)
    }
    cluster = await startCluster({
      client: node.webSocket,
      genesisFile: net.genesisFile,
      replicas: 1,
      lastReplica: ['--trie'],
      horizon: mixed.chain.length + HORIZON_OVER,
    })
    const urls = { geth: node.http, replica: cluster.replicas[0]?.url ?? '', gateway: cluster.gateway.url }
    await inStep(urls)
    // Blocks that the cluster sees go, the second time more than the first: they are kept until their numbers are final.
    const sides: Hex[] = []
    for (const depth of LAST_REORGS) {
      sides.push(...mixed.chain.slice(-depth).map(({ hash }) => hash))
      await mixed.reorg(net, depth)
      await inStep(urls)
    }
    const facts = await readFacts(node.http, mixed.chain.length, {
      addresses: await accountsAtHead(node),
      sides,
    })
    const { master, replicas, gateway, feed } = cluster
    const processes = [master, gateway.process, feed, ...replicas.map(({ process }) => process)]
    return { urls, facts, processes, stop }
  } catch (thrown) {
    await stop()
    throw thrown
  }
}

/** Replica and gateway are where geth is. */
async function inStep(urls: Urls): Promise<void> {
  for (const tag of ['latest', 'safe', 'finalized']) {
    const hashAt = async (url: string): Promise<Hex> =>
      ((await result(url, 'eth_getBlockByNumber', [tag, false])) as { hash: Hex }).hash
    const wanted = await hashAt(urls.geth)
    for (const url of [urls.replica, urls.gateway])
      await waitFor(`${tag} ${wanted} at ${url}`, HEAD_WAIT_MS, async () =>
        (await hashAt(url)) === wanted ? true : undefined,
      )
  }
}

/** What those that have ended said last. */
export function obituaries(processes: readonly DroverProcess[]): string {
  return processes
    .filter(({ isRunning }) => !isRunning)
    .map(({ args, ending, log }) => `drover ${args[0]} ended (${ending}):\n${log.slice(-LOG_CHARACTERS)}`)
    .join('\n')
}
const LOG_CHARACTERS = 3_000

const PAGE = 256

/** All of them; geth keeps the preimages of a devnet's. */
async function accountsAtHead(node: GethNode): Promise<Hex[]> {
  type Page = { accounts: Record<string, unknown>; next?: string }
  const out: string[] = []
  for (let next: string | undefined = `0x${'00'.repeat(32)}`; next !== undefined; ) {
    const page = (await node.rpc('debug_accountRange', 'latest', next, PAGE, true, true, false)) as Page
    out.push(...Object.keys(page.accounts))
    next = page.next
  }
  return out.map((address) => address.toLowerCase() as Hex)
}

/** The chain of a conformance suite, imported by both: all forks, one after another. No gateway, whose masters would have no client. */
export async function startJudgedSuite(suite: string): Promise<JudgedCluster> {
  const { node, stop: stopGeth } = await startGethOnSuite(suite)
  let cluster: SuiteCluster | undefined
  const stop = async (): Promise<void> => {
    await cluster?.stop()
    await stopGeth()
  }
  try {
    cluster = await startSuiteCluster(suite)
    const urls = { geth: node.http, replica: cluster.url, gateway: cluster.url }
    const head = Number(await result(node.http, 'eth_blockNumber'))
    const facts = await readFacts(node.http, head, { addresses: [], sides: [] })
    return { urls, facts, processes: cluster.processes, stop }
  } catch (thrown) {
    await stop()
    throw thrown
  }
}
