/** A cluster of real processes for tests: feed host, masters, replicas and a gateway, each startable and killable by itself. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { feedOpener, type KafkaSettings } from '#cli/process/feed.ts'
import type { RecordLog, TrimmableLog } from '#ports/record-log/record-log.ts'
import { DroverProcess } from './drover-process.ts'
import { freePort } from '#test/geth/node.ts'

export const NO_SECURITY: KafkaSettings = {
  kafkaTls: false,
  kafkaAuthoritiesPath: undefined,
  kafkaMayForget: false,
  kafkaSasl: 'none',
  kafkaUser: undefined,
  kafkaPassword: undefined,
}

/** Of many replicas: with twenty at once none is ready in time. */
const STARTING_AT_ONCE = 4

export interface Cluster {
  readonly dir: string
  /** Never started where the feed is on Kafka. */
  readonly feed: DroverProcess
  readonly feedAddress: string
  /** Where the feed host serves its metrics. */
  readonly feedMetrics: string
  openFeed(): Promise<TrimmableLog>
  /** The first of `masters`. */
  readonly master: DroverProcess
  readonly masters: readonly DroverProcess[]
  /** Forward ports of the masters. */
  readonly forward: readonly string[]
  readonly replicas: readonly { readonly process: DroverProcess; readonly url: string }[]
  readonly gateway: { readonly process: DroverProcess; readonly url: string }
  stop(): Promise<void>
}

export async function startCluster(options: {
  /** The execution client of all masters, or of each in turn. */
  readonly client: string | readonly string[]
  readonly genesisFile: string
  readonly masters?: number
  readonly replicas?: number
  readonly horizon?: number
  /** A feed that is there already, on Kafka. */
  readonly feed?: string
  /** Further options of the feed host. */
  readonly hostOptions?: readonly string[]
  /** Further options of each master. */
  readonly masterOptions?: (id: string) => readonly string[]
  /** What is put on the feed before anybody reads it: of a cluster without masters. */
  readonly onFeed?: (log: RecordLog) => Promise<unknown>
  /** Options of the last replica alone. */
  readonly lastReplica?: readonly string[]
  /** Made before, with what a folder of it shall be (a mount of its own). */
  readonly dir?: string
}): Promise<Cluster> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'drover-e2e-'))
  const feedAddress = options.feed ?? `unix:${join(dir, 'feed.sock')}`
  const genesis = JSON.parse(readFileSync(options.genesisFile, 'utf8')) as { config: { chainId: number } }
  const { chainId } = genesis.config
  const gatewayPort = await freePort()
  const common = ['--log-format', 'people']
  const openFeed = (mayCreate: boolean) => feedOpener(feedAddress, NO_SECURITY, { chainId, mayCreate })

  const metricsPort = String(await freePort())
  const hosting = ['feed', 'serve', '--data', join(dir, 'feed'), '--listen', feedAddress]
  hosting.push('--metrics-port', metricsPort)
  const feed = new DroverProcess(...hosting, ...(options.hostOptions ?? []), ...common)
  const masters: DroverProcess[] = []
  const forward: string[] = []
  for (let i = 1; i <= (options.masters ?? 1); i++) {
    const port = String(await freePort())
    forward.push(`http://127.0.0.1:${port}`)
    const place = ['--id', `m${i}`, '--data', join(dir, `m${i}`), '--forward-port', port]
    const client = typeof options.client === 'string' ? options.client : options.client[i - 1]
    if (client === undefined) throw new Error(`m${i} has no execution client`)
    const chain = ['--client', client, '--genesis', options.genesisFile, '--feed', feedAddress]
    const more = options.masterOptions?.(`m${i}`) ?? []
    masters.push(new DroverProcess('master', ...place, ...chain, ...more, ...common))
  }
  const replicas: { process: DroverProcess; url: string; link: string }[] = []
  for (let i = 1; i <= (options.replicas ?? 2); i++) {
    const port = await freePort()
    const link = `unix:${join(dir, `r${i}.sock`)}`
    const process = new DroverProcess(
      'replica',
      ...[
        '--id',
        `r${i}`,
        '--genesis',
        options.genesisFile,
        '--feed',
        feedAddress,
        '--data',
        join(dir, `r${i}`),
      ],
      ...['--port', String(port), '--link', link, '--horizon', String(options.horizon ?? 128), ...common],
      ...(i === (options.replicas ?? 2) ? (options.lastReplica ?? []) : []),
    )
    replicas.push({ process, link, url: `http://127.0.0.1:${port}` })
  }
  const gateway = new DroverProcess(
    'gateway',
    ...['--port', String(gatewayPort), '--replicas', replicas.map(({ link }) => link).join(',')],
    ...['--masters', forward.join(','), ...common],
  )
  const all = [gateway, ...replicas.map((replica) => replica.process), ...masters, feed]

  const stop = async (): Promise<void> => {
    for (const process of all) await process.stop()
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
  }
  try {
    if (options.feed === undefined) await feed.start()
    if (options.onFeed !== undefined) {
      const log = await openFeed(true)()
      await options.onFeed(log)
      await log.close()
    }
    await Promise.all([
      ...masters.map((master) => master.start()),
      startInGroups(replicas.map(({ process }) => process)),
      gateway.start(),
    ])
  } catch (thrown) {
    const logs = all.map((process) => `--- ${process.args[0]}\n${process.log.slice(-3_000)}`).join('\n')
    await stop()
    throw new Error(`the cluster did not start\n${logs}`, { cause: thrown })
  }
  return {
    dir,
    feed,
    feedAddress,
    feedMetrics: `http://127.0.0.1:${metricsPort}`,
    openFeed: openFeed(false),
    master: masters[0] as DroverProcess,
    masters,
    forward,
    replicas,
    gateway: { process: gateway, url: `http://127.0.0.1:${gatewayPort}` },
    stop,
  }
}

async function startInGroups(processes: readonly DroverProcess[]): Promise<void> {
  for (let from = 0; from < processes.length; from += STARTING_AT_ONCE)
    await Promise.all(processes.slice(from, from + STARTING_AT_ONCE).map((process) => process.start()))
}
