/**
 * What the suites of this folder run on, chosen with `npm test -- --rig NAME` (DROVER_TEST_RIG):
 *   embedded  one anvil, a feed host, as many masters and replicas as a suite asks for (where nothing is said)
 *   kafka     a broker, two geth nodes kept in step, a master beside each, four replicas
 * The chain grows and has transactions from the beginning until `quiet()`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { parseKafkaAddress, topicOf } from '#platform/kafka/address.ts'
import { DEVNET_CHAIN_ID } from '#test/geth/devnet.ts'
import type { FedClient } from '#test/geth/fed-client.ts'
import { Network } from '#test/geth/network.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import { answer } from '#test/support/json-rpc.ts'
import { type KafkaBroker, leadingBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'
import { newestProducer, onFeed } from './published.ts'

export type RigName = 'embedded' | 'kafka'

export interface RigOptions {
  readonly blockTimeMs: number
  readonly masters?: number
  readonly replicas?: number
  readonly masterOptions?: (id: string) => readonly string[]
  readonly lastReplica?: readonly string[]
}

export interface KafkaRigOptions extends RigOptions {
  /** 1, or 3: each record is then on all of them, and acknowledged when two have it. */
  readonly brokers?: 1 | 3
}

/** What the feed is kept by: the feed host or the broker. */
interface Keeper {
  kill(): Promise<unknown>
  start(): Promise<unknown>
}

export interface Rig {
  /** For what a test keeps beside. */
  readonly dir: string
  readonly genesisFile: string
  readonly cluster: Cluster
  /** An execution client that has every block, and does not suffer. */
  readonly reference: { readonly http: string }
  /** Among those that transactions change. */
  readonly accounts: readonly string[]
  readonly keeper: Keeper
  /** No more blocks, no more transactions. */
  quiet(): Promise<void>
  close(): Promise<void>
}

/** A rig whose clients and brokers can be made to suffer, too. */
export interface KafkaRig extends Rig {
  readonly network: Network
  readonly brokers: readonly [KafkaBroker, ...KafkaBroker[]]
}

const TRAFFIC_EVERY_MS = 50
/** What two cores bear with three geth nodes beside. */
const GETH_BLOCK_TIME_MS_MIN = 400
const KAFKA_MASTERS = 2
const KAFKA_REPLICAS = 4
const RICH = '0x3635c9adc5dea00000'

export function rigName(): RigName {
  const name = process.env['DROVER_TEST_RIG'] ?? 'embedded'
  if (name !== 'embedded' && name !== 'kafka') throw new Error(`no rig is called ${name}: embedded or kafka`)
  return name
}

/** Options for node:test. */
export function rigNeeds(on: RigName = rigName()): { skip?: string } {
  return on === 'kafka' ? needs('kafka', 'geth') : needs('anvil')
}

export function openRig(options: RigOptions): Promise<Rig> {
  if (rigName() === 'embedded') return openEmbeddedRig(options)
  const masters = Math.max(options.masters ?? 1, KAFKA_MASTERS)
  return openKafkaRig({ ...options, masters, replicas: Math.max(options.replicas ?? 1, KAFKA_REPLICAS) })
}

async function openEmbeddedRig(options: RigOptions): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-rig-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const ends: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  return closing(ends, async () => {
    const anvil = await Anvil.start(genesisFile, '--block-time', String(options.blockTimeMs / 1_000))
    ends.push(() => anvil.stop())
    const traffic = setInterval(() => {
      const [from, to] = DEV_ACCOUNTS
      void answer(anvil.http, 'eth_sendTransaction', [{ from, to, value: '0x7' }]).catch(() => {})
    }, TRAFFIC_EVERY_MS)
    ends.push(() => clearInterval(traffic))
    const cluster = await startCluster({ ...options, client: anvil.webSocket, genesisFile })
    ends.push(() => cluster.stop())
    return {
      ...{ dir, genesisFile, cluster, reference: anvil, accounts: DEV_ACCOUNTS },
      keeper: { kill: () => cluster.feed.kill('SIGKILL'), start: () => cluster.feed.start() },
      async quiet() {
        clearInterval(traffic)
        await answer(anvil.http, 'evm_setIntervalMining', [0])
      },
      close: () => closed(ends),
    }
  })
}

export async function openKafkaRig(options: KafkaRigOptions): Promise<KafkaRig> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-rig-'))
  const ends: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  return closing(ends, async () => {
    const made = await makeBrokers(options.brokers ?? 1)
    ends.push(made.end)
    const brokers = made.brokers as KafkaRig['brokers']
    const { masters = KAFKA_MASTERS, replicas = KAFKA_REPLICAS } = options
    const [network] = await Promise.all([
      Network.start({
        clients: masters,
        blockTimeMs: Math.max(options.blockTimeMs, GETH_BLOCK_TIME_MS_MIN),
        alloc: Object.fromEntries(DEV_ACCOUNTS.map((account) => [account, { balance: RICH }])),
      }),
      ...brokers.map((broker) => broker.start()), // all, before a master makes the topic on as many as it finds
    ])
    ends.push(() => network.stop())
    network.begin()
    const { genesisFile } = network.net
    const cluster = await startCluster({
      ...options,
      ...{ genesisFile, masters, replicas },
      client: network.clients.map(({ node }) => node.webSocket),
      feed: `kafka://${brokers.map(({ address }) => address).join(',')}/herd`,
    })
    ends.push(() => cluster.stop())
    return {
      ...{
        dir,
        genesisFile,
        cluster,
        network,
        brokers,
        reference: network.builder,
        accounts: network.accounts,
      },
      keeper: { kill: () => brokers[0].stop('SIGKILL'), start: () => brokers[0].start() },
      quiet: () => network.quiet(),
      close: () => closed(ends),
    }
  })
}

/** Whose frame is the newest, and its client. */
export async function leaderOf({ cluster, network }: KafkaRig): Promise<{
  readonly name: string
  readonly master: DroverProcess
  readonly client: FedClient
}> {
  const name = await onFeed(cluster, newestProducer)
  const place = cluster.masters.findIndex(({ args }) => args.includes(name ?? ''))
  const [master, client] = [cluster.masters[place], network.clients[place]]
  if (name === undefined || !master || !client) throw new Error('nobody has published')
  return { name, master, client }
}

/** Which of the brokers every append and every read goes to. */
export function leadingBrokerOf({ brokers, cluster }: KafkaRig): Promise<KafkaBroker> {
  return leadingBroker(brokers, topicOf(parseKafkaAddress(cluster.feedAddress), DEVNET_CHAIN_ID))
}

async function closing<R>(ends: (() => unknown)[], open: () => Promise<R>): Promise<R> {
  try {
    return await open()
  } catch (thrown) {
    await closed(ends)
    throw thrown
  }
}

/** The last that was begun ends first. */
async function closed(ends: (() => unknown)[]): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end()
}

/** Writes what each process has said to files of a folder. */
export function keepLogs({ cluster }: KafkaRig, dir: string): void {
  mkdirSync(dir, { recursive: true })
  const all = [...cluster.masters, ...cluster.replicas.map(({ process }) => process), cluster.gateway.process]
  for (const { args, log } of all) {
    const name = args[0] === 'gateway' ? 'gateway' : (args[2] ?? '')
    writeFileSync(join(dir, `${name}.log`), log)
  }
}
