/** One cluster: execution clients, masters, feed host, replicas and a gateway, each a process of the world. */
import type { Gateway } from '#roles/gateway/gateway.ts'
import type { BlockBuilder } from '#sim/client/block-builder.ts'
import { createSimClient, type SimClient } from '#sim/client/client.ts'
import type { Consensus } from '#sim/client/consensus.ts'
import type { Network } from '#sim/net/network.ts'
import { createSimDisk, type SimDisk } from '#sim/storage/disk.ts'
import { createStoreDisk, type StoreDisk, type StoreFaults } from '#sim/storage/key-value.ts'
import { SimProcess } from '#sim/world/process.ts'
import type { World } from '#sim/world/world.ts'
import { auditorProgram } from './auditor.ts'
import { createFeedWatch, type FeedWatch } from './feed-watch.ts'
import { feedHostProgram } from './feed-host.ts'
import { gatewayProgram } from './gateway.ts'
import { masterProgram } from './master.ts'
import type { Tries } from '#sim/scenario/options.ts'
import { replicaProgram } from './replica.ts'

export interface Cluster {
  readonly feed: SimProcess
  readonly gateway: SimProcess
  readonly masters: readonly Machine[]
  readonly replicas: readonly Machine[]
  readonly clients: readonly { readonly process: SimProcess; readonly client: SimClient }[]
  /** All but the auditor. */
  readonly processes: readonly SimProcess[]
  readonly feedDisk: SimDisk
  readonly watch: FeedWatch
  /** Answer threads of each replica. */
  readonly streams: number
  readonly horizonBlocks: number
  /** The gateway's life that runs now. */
  runningGateway(): Gateway | undefined
  start(): void
}

/** A process with a store. */
export interface Machine {
  readonly process: SimProcess
  readonly disk: StoreDisk
  readonly faults: StoreFaults
  /** Its store keeps a state trie. */
  readonly trie: boolean
}

export interface ClusterOptions {
  readonly tries: Tries | undefined
  readonly masters: number
  readonly replicas: number
  readonly beatMs: number
  readonly streams: number
  readonly partBytesMax: number
  readonly horizonBlocks: number
}

export function createCluster(
  options: ClusterOptions,
  parts: {
    readonly world: World
    readonly network: Network
    readonly consensus: Consensus
    readonly builder: BlockBuilder
  },
): Cluster {
  const { world, network, consensus, builder } = parts
  const watch = createFeedWatch(world)
  const feedDisk = createSimDisk(world.random.child('feed disk'))
  const feed = new SimProcess('feed', world, feedHostProgram({ disk: feedDisk, network, watch }))
  const clients = numbered(options.masters, (i) => {
    const client = createSimClient(i, { consensus, network, random: world.random.child(`client ${i}`) })
    return { client, process: new SimProcess(`client-${i}`, world, client.program) }
  })
  const machine = (
    name: string,
    trie: boolean,
    program: (disk: StoreDisk, faults: StoreFaults) => ReturnType<typeof masterProgram>,
  ) => {
    const disk = createStoreDisk()
    const faults: StoreFaults = { killAtCommit: 0, killInSwitch: 0, full: false }
    return { disk, faults, trie, process: new SimProcess(name, world, program(disk, faults)) }
  }
  const masters = numbered(options.masters, (i) => {
    const trie = options.tries?.masters[i] === true
    return machine(`master-${i}`, trie, (disk, faults) =>
      masterProgram({
        trie,
        clientUrl: (clients[i] as (typeof clients)[number]).client.url,
        beatMs: options.beatMs,
        partBytesMax: options.partBytesMax,
        genesis: builder.genesis,
        network,
        disk,
        faults,
        random: world.random.child(`master disk ${i}`),
        folder: createSimDisk(world.random.child(`master folder ${i}`)),
        watch: watch.watch,
      }),
    )
  })
  const replicas = numbered(options.replicas, (i) => {
    const trie = options.tries?.replicas[i] === true
    return machine(`replica-${i}`, trie, (disk, faults) =>
      replicaProgram({
        trie,
        streams: options.streams,
        horizonBlocks: options.horizonBlocks,
        genesis: builder.genesis,
        network,
        disk,
        faults,
        random: world.random.child(`replica disk ${i}`),
      }),
    )
  })
  let running: Gateway | undefined
  const gateway = new SimProcess(
    'gateway',
    world,
    gatewayProgram({
      replicas: replicas.map(({ process }) => process.name),
      masters: masters.map(({ process }) => process.name),
      network,
      started: (started) => {
        running = started
      },
    }),
  )
  const auditor = new SimProcess('auditor', world, auditorProgram({ network, watch }))
  const processes = [
    feed,
    ...clients.map(({ process }) => process),
    ...masters.map(({ process }) => process),
    ...replicas.map(({ process }) => process),
    gateway,
  ]
  return {
    feed,
    gateway,
    masters,
    replicas,
    clients,
    processes,
    feedDisk,
    watch,
    streams: options.streams,
    horizonBlocks: options.horizonBlocks,
    runningGateway: () => (gateway.isUp() ? running : undefined),
    start() {
      auditor.start()
      for (const process of processes) process.start()
    },
  }
}

function numbered<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}
