/** Entry of a master's executor thread: executes and proves blocks on the master's own store. */
import { join } from 'node:path'
import { type MessagePort, workerData } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { loggerFor, type LogSettings } from '#cli/process/logging.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { sharedCells } from '#ports/meter/shared-meters.ts'
import { createExecutor } from '#roles/master/execute/executor.ts'
import type { ExecutorReply, ExecutorRequest } from '#roles/master/execute/messages.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'
import type { MasterOptions } from '#roles/master/options.ts'
import { openStore } from '#state/open-store.ts'
import { runThread } from './entry.ts'

export interface ExecutorThreadData {
  readonly options: Pick<MasterOptions, 'id' | 'dataPath' | 'genesisPath' | 'trie'> & LogSettings
  readonly follower: MessagePort
  readonly meters: SharedArrayBuffer
  readonly region: number
  /** False: a power loss may cost the store, which is then made again; a kill does not. */
  readonly durable?: boolean
}

const MAINTAIN_EVERY_MS = 60_000

const { options, follower, meters, region, durable = true } = workerData as ExecutorThreadData

await runThread('executor', async ({ scope }) => {
  installCommittedCore()
  const kv = openLmdb({ path: join(options.dataPath, 'store'), mode: 'writer', durable })
  scope.defer(() => kv.close())
  const maintenance = setInterval(() => kv.maintain(), MAINTAIN_EVERY_MS)
  scope.defer(() => clearInterval(maintenance))
  // An open port would keep the thread alive.
  scope.defer(() => follower.close())
  const compress = createZstd()
  createExecutor(createMailbox<ExecutorReply, ExecutorRequest>(follower), {
    store: openStore(kv, { compress, trie: options.trie }),
    genesis: readGenesis(options.genesisPath),
    compress,
    clock: createClock(),
    log: loggerFor(options.id, options),
    metrics: createMasterMetrics(createMeterRegistry(sharedCells(meters, region))),
  })
})
