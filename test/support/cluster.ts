/** A cluster of real processes for tests: feed host, master, replicas and a gateway, each startable and killable by itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DroverProcess } from './drover-process.ts'
import { freePort } from '#test/geth/node.ts'

export interface Cluster {
  readonly dir: string
  readonly feed: DroverProcess
  readonly master: DroverProcess
  readonly replicas: readonly { readonly process: DroverProcess; readonly url: string }[]
  readonly gateway: { readonly process: DroverProcess; readonly url: string }
  stop(): Promise<void>
}

export async function startCluster(options: {
  readonly client: string
  readonly genesisFile: string
  readonly replicas?: number
  readonly horizon?: number
  /** Options of the last replica alone. */
  readonly lastReplica?: readonly string[]
}): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-e2e-'))
  const feedAddress = `unix:${join(dir, 'feed.sock')}`
  const forwardPort = await freePort()
  const gatewayPort = await freePort()
  const common = ['--log-format', 'people']

  const feed = new DroverProcess(
    'feed',
    'serve',
    '--data',
    join(dir, 'feed'),
    '--listen',
    feedAddress,
    ...common,
  )
  const master = new DroverProcess(
    'master',
    ...['--id', 'm1', '--client', options.client, '--genesis', options.genesisFile, '--feed', feedAddress],
    ...['--data', join(dir, 'm1'), '--forward-port', String(forwardPort), ...common],
  )
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
    ...['--masters', `http://127.0.0.1:${forwardPort}`, ...common],
  )
  const all = [gateway, ...replicas.map((replica) => replica.process), master, feed]

  const stop = async (): Promise<void> => {
    for (const process of all) await process.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await feed.start()
    await Promise.all([master.start(), ...replicas.map(({ process }) => process.start()), gateway.start()])
  } catch (thrown) {
    const logs = all.map((process) => `--- ${process.args[0]}\n${process.log.slice(-3_000)}`).join('\n')
    await stop()
    throw new Error(`the cluster did not start\n${logs}`, { cause: thrown })
  }
  return {
    dir,
    feed,
    master,
    replicas,
    gateway: { process: gateway, url: `http://127.0.0.1:${gatewayPort}` },
    stop,
  }
}
