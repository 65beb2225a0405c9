/** Entry of a replica's answer thread: HTTP and the gateways' link, over snapshots of the store. */
import { join } from 'node:path'
import { type MessagePort, workerData } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { loggerFor, type LogSettings } from '#cli/process/logging.ts'
import { dropInstances } from '#core/evm.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { createTransport } from '#platform/net/transport.ts'
import { createHeapMemory, joinMemories } from '#platform/memory/memory.ts'
import { readShared } from '#platform/memory/shared.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { startMemoryGuard } from '#ports/memory-guard.ts'
import { createMeterRegistry } from '#ports/meter-registry.ts'
import { type AnswererAsks, type ApplierNews, createBoard } from '#roles/replica/board.ts'
import type { ReplicaOptions } from '#roles/replica/options.ts'
import { startServing } from '#roles/replica/serving.ts'
import { openStore } from '#state/open-store.ts'
import { runThread } from './entry.ts'

export interface AnswererThreadData {
  readonly options: ReplicaOptions & LogSettings
  readonly clientVersion: string
  readonly board: SharedArrayBuffer
  readonly memory: SharedArrayBuffer
  readonly applier: MessagePort
  readonly metrics: MessagePort
}

const CLOSE_GRACE_MS = 2_000

const { options, clientVersion, board, memory, applier, metrics } = workerData as AnswererThreadData

await runThread('answerer', async (scope) => {
  installCommittedCore()
  const log = loggerFor(options.id, options)
  const meter = createMeterRegistry()
  let applierMetrics = ''
  metrics.on('message', (text: string) => (applierMetrics = text))
  // Open ports would keep the thread alive.
  scope.defer(() => {
    applier.close()
    metrics.close()
  })
  const compress = createZstd()
  const clock = createClock()
  const guard = startMemoryGuard(
    {
      memory: joinMemories(createHeapMemory(), { read: () => readShared(memory) }),
      clock,
      log,
      meter,
      shrink: dropInstances,
    },
    scope,
  )

  const serving = await startServing(
    {
      id: options.id,
      link: options.link,
      clientVersion,
      serve: options.serve as 'eager' | 'verified',
      callGasMax: options.callGasMax,
      callTimeMaxMs: options.callTimeMaxMs,
      bodyBytesMax: options.bodyBytesMax,
      clientRequestsMax: options.clientRequestsMax,
    },
    {
      openStore: () => {
        const kv = openLmdb({ path: join(options.dataPath, 'store'), mode: 'reader', durable: false })
        scope.defer(() => kv.close())
        return openStore(kv, { compress })
      },
      genesis: readGenesis(options.genesisPath),
      board: createBoard(board),
      applier: createMailbox<AnswererAsks, ApplierNews>(applier),
      transport: createTransport(),
      clock,
      log,
      meter,
      memory: guard,
      renderMetrics: () => meter.render() + applierMetrics,
    },
    scope,
  )
  const listener = await createHttpServer().listen(
    { host: options.host, port: options.port, bodyBytesMax: options.bodyBytesMax, gate: serving.gate },
    serving.handle,
  )
  scope.defer(() => listener.close({ graceMs: CLOSE_GRACE_MS }))
  log.info('answering', { http: `http://${listener.host}:${listener.port}`, link: options.link })
})
