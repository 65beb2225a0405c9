/**
 * The servers of the reads benchmark on one chain: 1,000 accounts with money, an ERC-20, a block with 200 transfers of it. A cluster
 * (feed, master, replica, gateway) follows geth; where geth is not set up, anvil. Each peer that is not set up is left out with a line.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { devGenesis } from '#cli/dev/genesis.ts'
import { type Alloc, DEVNET_CHAIN_ID, Devnet, type Hex, toHex } from '#test/geth/devnet.ts'
import { fund, Wallet } from '#test/geth/wallet.ts'
import { Anvil } from '#test/master/anvil.ts'
import { freePort } from '#test/geth/node.ts'
import { startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { endProcess, nextMessage, pin, spawnNode } from './pinned-process.ts'

const HTTP_ENTRY = join(import.meta.dirname, 'http-process.ts')
const CATCH_UP_MS = 30_000
/** Of all servers; the load comes from another one. */
const CORE = 0
const ACCOUNTS = 1_000
export const TRANSFERS = 200
export const FEW_TRANSFERS = 10
/** A replica that keeps no encoded results. */
export const NOTHING_KEPT = 'replica (nothing kept)'

export interface ReadsServer {
  readonly server: string
  readonly port: number
  /** Whose CPU time answers its requests. */
  readonly pids: readonly number[]
}

export interface ReadsChain {
  readonly accounts: readonly Hex[]
  readonly token: Hex
  /** Who has tokens. */
  readonly holders: readonly Hex[]
  /** Blocks with TRANSFERS and with FEW_TRANSFERS transactions, each with one log. */
  readonly fullBlock: number
  readonly smallBlock: number
  /** Transactions of the full block. */
  readonly transactions: readonly Hex[]
}

interface Script {
  readonly alloc: Alloc
  readonly chain: Omit<ReadsChain, 'transactions'>
  /** Raw transactions, block by block. */
  readonly blocks: readonly (readonly Hex[])[]
}

type Stops = (() => unknown)[]

/** Starts what is there; `stop` ends all of it. */
export async function startServers(
  say: (line: string) => void,
): Promise<{ readonly servers: readonly ReadsServer[]; readonly chain: ReadsChain; stop(): Promise<void> }> {
  const script = await writeScript()
  const stops: Stops = []
  const stop = async (): Promise<void> => {
    for (const end of stops.toReversed()) await end()
  }
  try {
    const geth = isThere('geth', say) ? await startGeth(script, stops) : undefined
    const anvil = isThere('anvil', say) ? await startAnvil(script, stops) : undefined
    const source = geth ?? anvil
    if (source === undefined) throw new Error('a cluster needs a client to follow: geth or anvil')
    const ours = await startOurs(source, stops)
    const bare = await startBare(stops)
    const servers = [...ours, ...[geth, anvil].flatMap((peer) => (peer ? [peer.server] : [])), bare]
    for (const { pids } of servers) for (const pid of pids) pin(pid, CORE)
    const full = (await result(source.url, 'eth_getBlockByNumber', [
      toHex(script.chain.fullBlock),
      false,
    ])) as { transactions: Hex[] }
    if (full.transactions.length !== TRANSFERS) throw new Error('the full block is not full')
    return { servers, chain: { ...script.chain, transactions: full.transactions }, stop }
  } catch (thrown) {
    await stop()
    throw thrown
  }
}

function isThere(peer: 'geth' | 'anvil', say: (line: string) => void): boolean {
  const { skip } = needs(peer)
  if (skip !== undefined) say(`${peer} is left out: ${skip}`)
  return skip === undefined
}

async function writeScript(): Promise<Script> {
  const wallet = new Wallet('reads')
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => numbered(0xac_0000 + i))
  const holders = accounts.slice(0, TRANSFERS)
  const money = accounts.map((who, i) => [who, { balance: toHex(10n ** 20n + BigInt(i)) }])
  const { raw, address: token } = await wallet.deploy('Token')
  const transfers = async (count: number): Promise<Hex[]> => {
    const out: Hex[] = []
    for (let i = 0; i < count; i++)
      out.push(
        await wallet.call('Token', token, 'transfer', [holders[i], 10n ** 18n + BigInt(i)], {
          gas: 100_000n,
        }),
      )
    return out
  }
  const blocks = [
    [raw, await wallet.call('Token', token, 'mint', [wallet.address, 10n ** 24n])],
    await transfers(TRANSFERS),
    await transfers(FEW_TRANSFERS),
    [],
  ]
  const alloc = { ...fund(wallet), ...(Object.fromEntries(money) as Alloc) }
  return { alloc, blocks, chain: { accounts, holders, token, fullBlock: 2, smallBlock: 3 } }
}

function numbered(n: number): Hex {
  return `0x${n.toString(16).padStart(40, '0')}`
}

interface Source {
  readonly server: ReadsServer
  readonly url: string
  readonly webSocket: string
  readonly genesisFile: string
}

async function startGeth(script: Script, stops: Stops): Promise<Source> {
  const net = await Devnet.start({ alloc: script.alloc })
  stops.push(() => net.stop())
  for (const txs of script.blocks) await net.produce({ txs })
  const node = net.nodes[0] as NonNullable<(typeof net.nodes)[0]>
  return {
    server: { server: 'geth', port: node.ports.http, pids: [node.pid as number] },
    ...{ url: node.http, webSocket: node.webSocket, genesisFile: net.genesisFile },
  }
}

/** The same accounts and transactions; a genesis without what anvil does not execute. */
async function startAnvil(script: Script, stops: Stops): Promise<Source> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-reads-'))
  stops.push(() => rmSync(dir, { recursive: true, force: true }))
  const genesisFile = join(dir, 'genesis.json')
  const genesis = devGenesis(Math.floor(Date.now() / 1_000) - 1_000) as { config: object; alloc: object }
  const config = { ...genesis.config, chainId: DEVNET_CHAIN_ID }
  writeFileSync(
    genesisFile,
    JSON.stringify({ ...genesis, config, alloc: { ...genesis.alloc, ...script.alloc } }),
  )
  const anvil = await Anvil.start(genesisFile)
  stops.push(() => anvil.stop())
  for (const block of script.blocks) {
    for (const raw of block) await anvil.rpc('eth_sendRawTransaction', raw)
    await anvil.mine()
  }
  return {
    server: { server: 'anvil', port: anvil.port, pids: [anvil.pid as number] },
    ...{ url: anvil.http, webSocket: anvil.webSocket, genesisFile },
  }
}

async function startOurs(source: Source, stops: Stops): Promise<ReadsServer[]> {
  const cluster = await startCluster({
    client: source.webSocket,
    genesisFile: source.genesisFile,
    replicas: 1,
  })
  stops.push(() => cluster.stop())
  const [replica] = cluster.replicas
  if (replica === undefined) throw new Error('a cluster has a replica')
  const barePort = await freePort()
  const bare = new DroverProcess(
    'replica',
    ...['--id', 'r2', '--genesis', source.genesisFile, '--feed', `unix:${join(cluster.dir, 'feed.sock')}`],
    ...['--data', join(cluster.dir, 'r2'), '--link', `unix:${join(cluster.dir, 'r2.sock')}`],
    ...['--port', String(barePort), '--cache-bytes', '0'],
  )
  stops.push(() => bare.stop())
  await bare.start()
  const wanted = await result(source.url, 'eth_blockNumber')
  for (const url of [replica.url, `http://127.0.0.1:${barePort}`, cluster.gateway.url])
    await waitFor(`${url} at block ${String(wanted)}`, CATCH_UP_MS, async () =>
      (await result(url, 'eth_blockNumber')) === wanted ? true : undefined,
    )
  const port = (url: string): number => Number(new URL(url).port)
  const pid = replica.process.pid as number
  return [
    { server: 'replica', port: port(replica.url), pids: [pid] },
    { server: NOTHING_KEPT, port: barePort, pids: [bare.pid as number] },
    {
      server: 'gateway',
      port: port(cluster.gateway.url),
      pids: [cluster.gateway.process.pid as number, pid],
    },
  ]
}

async function startBare(stops: Stops): Promise<ReadsServer> {
  const child = spawnNode(HTTP_ENTRY, ['node:http'], CORE)
  stops.push(() => endProcess(child))
  const { port } = await nextMessage<{ port: number }>(child)
  return { server: 'node:http', port, pids: [child.pid as number] }
}
