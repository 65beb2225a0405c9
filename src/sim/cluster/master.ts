/** A production master: follower, executor and forward port on one queue, over a store that outlives it. */
import type { Genesis } from '#chain/fork/genesis.ts'
import type { Prng } from '#kernel/prng.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import { openScope } from '#ports/scope.ts'
import { createExecutionClient } from '#roles/master/client/client.ts'
import { createForwardPort } from '#roles/master/client/forward-port.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { Maintenance } from '#roles/master/maintenance/maintenance.ts'
import { createMaster } from '#roles/master/master.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'
import { createHttpClient, createHttpServer } from '#sim/net/http.ts'
import type { Network } from '#sim/net/network.ts'
import { createTransport } from '#sim/net/transport.ts'
import { createWebSocketClient } from '#sim/net/web-socket.ts'
import type { SimDisk } from '#sim/storage/disk.ts'
import type { StoreDisk, StoreFaults } from '#sim/storage/key-value.ts'
import { stored } from '#sim/storage/stored.ts'
import { uncounted } from '#sim/world/meter.ts'
import type { Life, Program } from '#sim/world/life.ts'
import { openStore } from '#state/open-store.ts'
import { FEED, FORWARD_PORT } from './addresses.ts'

export interface MasterParts {
  readonly clientUrl: string
  /** Keeps a state trie. */
  readonly trie: boolean
  readonly beatMs: number
  readonly partBytesMax: number
  readonly genesis: Genesis
  readonly network: Network
  readonly disk: StoreDisk
  readonly faults: StoreFaults
  /** Where what it has read of the feed is kept. */
  readonly folder: SimDisk
  readonly random: Prng
  /** Sees what the master appends and is told. */
  readonly watch: (log: RecordLog, life: Life) => RecordLog
}

const CLIENT_TIMEOUT_MS = 3_000

export function masterProgram(parts: MasterParts): Program {
  const { genesis, network } = parts
  return async (life) => {
    const { clock, random, log } = life
    const id = life.name
    await using scope = openScope(id)
    const metrics = createMasterMetrics(uncounted)
    const http = createHttpClient(life, network)
    const client = createExecutionClient(
      { url: parts.clientUrl, timeoutMs: CLIENT_TIMEOUT_MS },
      { clock, random, http, webSocket: createWebSocketClient(life, network), log },
    )
    let maintenance: Maintenance | undefined
    const forward = createForwardPort(
      { host: '127.0.0.1', secret: undefined },
      { client, metrics, renderMetrics: () => '', maintenance: () => maintenance },
    )
    const listener = await createHttpServer(life, network).listen(
      { host: id, port: FORWARD_PORT, bodyBytesMax: masterLimits.forwardBodyBytesMax.value },
      forward,
    )
    scope.defer(() => listener.close({ graceMs: 0 }))
    const transport = createTransport(life, network)
    const master = createMaster(
      {
        ...{ id, cluster: undefined, beatMs: parts.beatMs },
        ...{ clientId: parts.clientUrl, partBytesMax: parts.partBytesMax },
      },
      {
        client,
        store: openStore(parts.disk.open(life, parts.faults, parts.random), {
          compress: stored,
          trie: parts.trie,
        }),
        genesis,
        folder: parts.folder.open(life),
        openLog: async () => parts.watch(await openRemoteRecordLog(FEED, transport), life),
        clock,
        random,
        log,
        metrics,
        compress: stored,
      },
    )
    maintenance = master.maintenance
    await master.run(life.signal)
  }
}
