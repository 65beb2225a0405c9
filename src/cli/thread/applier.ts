/** Entry of a replica's applier thread: the only writer of its store. */
import { join } from 'node:path'
import { type MessagePort, workerData } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { loggerFor, type LogSettings } from '#cli/process/logging.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { createTransport } from '#platform/net/transport.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import type { Level } from '#chain/frame.ts'
import { createMeterRegistry } from '#ports/meter-registry.ts'
import { openRemoteRecordLog } from '#ports/remote-record-log.ts'
import { createApplierMetrics } from '#roles/replica/applier-metrics.ts'
import { type AnswererAsks, type ApplierNews, createBoard } from '#roles/replica/board.ts'
import { followFeed } from '#roles/replica/follow-feed.ts'
import type { ReplicaOptions } from '#roles/replica/options.ts'
import { openStore } from '#state/open-store.ts'
import { runThread } from './entry.ts'

export interface ApplierThreadData {
  readonly options: ReplicaOptions & LogSettings
  readonly board: SharedArrayBuffer
  readonly answerers: MessagePort
  readonly metrics: MessagePort
}

const MAINTAIN_EVERY_MS = 60_000
const METRICS_EVERY_MS = 1_000

const { options, board, answerers, metrics } = workerData as ApplierThreadData

await runThread('applier', async (scope) => {
  installCommittedCore()
  const log = loggerFor(options.id, options)
  const genesis = readGenesis(options.genesisPath)
  const kv = openLmdb({ path: join(options.dataPath, 'store'), mode: 'writer', durable: false })
  scope.defer(() => kv.close())
  const maintenance = setInterval(() => kv.maintain(), MAINTAIN_EVERY_MS)
  scope.defer(() => clearInterval(maintenance))
  const compress = createZstd()
  const meter = createMeterRegistry()
  // One page of metrics a replica: the answering thread renders it, so this one's text travels there.
  const rendering = setInterval(() => metrics.postMessage(meter.render()), METRICS_EVERY_MS)
  scope.defer(() => clearInterval(rendering))
  const transport = createTransport()
  // Open ports would keep the thread alive.
  scope.defer(() => {
    answerers.close()
    metrics.close()
  })

  scope.spawn('follow the feed', (signal) =>
    followFeed(
      {
        horizonBlocks: options.horizonBlocks,
        verify: options.verify as 'digest' | 'strict',
        prove: options.prove as Level,
      },
      {
        store: openStore(kv, { compress }),
        board: createBoard(board),
        compress,
        clock: createClock(),
        log,
        metrics: createApplierMetrics(meter),
        genesis,
        openLog: () => openRemoteRecordLog(options.feed, transport),
        answerers: createMailbox<ApplierNews, AnswererAsks>(answerers),
      },
      signal,
    ),
  )
})
