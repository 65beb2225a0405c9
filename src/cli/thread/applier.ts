/** Entry of a replica's applier thread: the only writer of its store. */
import { join } from 'node:path'
import { type MessagePort, workerData } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { feedOpener, type KafkaSettings } from '#cli/process/feed.ts'
import { readerStarter } from '#cli/process/threads/reader-thread.ts'
import { loggerFor, type LogSettings } from '#cli/process/logging.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { discardStore } from '#platform/lmdb/clean-mark.ts'
import { type LmdbKeyValue, openLmdb } from '#platform/lmdb/key-value.ts'
import { readShared } from '#platform/memory/shared.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import type { Level } from '#chain/block/frame.ts'
import { faultCode } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'
import { freeBytes } from '#ports/memory-guard.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { sharedCells } from '#ports/meter/shared-meters.ts'
import { joinAnswerers } from '#roles/replica/answer/answerers.ts'
import { createApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'
import { type AnswererAsks, type ApplierNews, createBoard } from '#roles/replica/board.ts'
import { followFeed } from '#roles/replica/apply/follow-feed.ts'
import type { ReplicaOptions } from '#roles/replica/options.ts'
import { openStore } from '#state/open-store.ts'
import { runThread } from './entry.ts'

export interface ApplierThreadData {
  readonly options: ReplicaOptions & LogSettings & KafkaSettings
  readonly board: SharedArrayBuffer
  readonly meters: SharedArrayBuffer
  readonly region: number
  readonly memory: SharedArrayBuffer
}

const MAINTAIN_EVERY_MS = 60_000

const { options, board, meters, region, memory } = workerData as ApplierThreadData

await runThread('applier', async ({ scope, onOrder }) => {
  installCommittedCore()
  const log = loggerFor(options.id, options)
  const genesis = readGenesis(options.genesisPath)
  const kv = openTrusted(join(options.dataPath, 'store'), log)
  scope.defer(() => kv.close())
  const maintenance = setInterval(() => kv.maintain(), MAINTAIN_EVERY_MS)
  scope.defer(() => clearInterval(maintenance))
  const compress = createZstd()
  const meter = createMeterRegistry(sharedCells(meters, region))
  const answerers = joinAnswerers()
  const ports = new Set<MessagePort>()
  onOrder((order) => {
    if (order.kind !== 'addAnswerer') return
    const { port } = order
    ports.add(port)
    const remove = answerers.add(createMailbox<ApplierNews, AnswererAsks>(port))
    port.on('close', () => {
      ports.delete(port)
      remove()
    })
  })
  // Open ports would keep the thread alive.
  scope.defer(() => {
    for (const port of ports) port.close()
  })

  const clock = createClock()
  scope.spawn('follow the feed', (signal) =>
    followFeed(
      {
        horizon: options.horizon,
        staleAfterMs: options.staleAfterMs,
        feedCoverMinMs: options.feedCoverMinMs,
        verify: options.verify as 'digest' | 'strict',
        prove: options.prove as Level,
      },
      {
        store: openStore(kv, { compress, trie: options.trie }),
        board: createBoard(board),
        compress,
        clock,
        log,
        metrics: createApplierMetrics(meter),
        genesis,
        openLog: feedOpener(options.feed, options, { chainId: genesis.config.chainId, mayCreate: false }),
        answerers: answerers.all,
        startReader: readerStarter(options, genesis.config.chainId, { clock, log }),
        memory: { read: () => readShared(memory) },
      },
      signal,
    ),
  )
})

/** A store that the machine went down under is made anew: the feed fills it. */
function openTrusted(path: string, log: Logger): LmdbKeyValue {
  const cacheBytes = Math.max(0, freeBytes(readShared(memory)))
  const options = { path, mode: 'writer', durable: false, cacheBytes } as const
  try {
    return openLmdb(options)
  } catch (thrown) {
    if (faultCode(thrown) !== 'store/unclean') throw thrown
    log.warn('the machine went down while the store was written: it is filled anew from the feed', {
      code: 'store/unclean',
      path,
    })
    discardStore(path)
    return openLmdb(options)
  }
}
