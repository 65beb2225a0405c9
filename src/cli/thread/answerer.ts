/** Entry of a replica's answer thread: HTTP and the gateways' link, over snapshots of the store. */
import { join } from 'node:path'
import { type MessagePort, workerData } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { httpServerFor, type HttpSettings } from '#cli/process/http.ts'
import { loggerFor, type LogSettings } from '#cli/process/logging.ts'
import { dropInstances } from '#core/evm.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { createTransport } from '#platform/net/transport.ts'
import { createHeapMemory, joinMemories } from '#platform/memory/memory.ts'
import { readShared } from '#platform/memory/shared.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { startMemoryGuard } from '#ports/memory-guard.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { Scope } from '#ports/scope.ts'
import { renderSharedMeters, sharedCells } from '#ports/meter/shared-meters.ts'
import { type AnswererAsks, type ApplierNews, createBoard } from '#roles/replica/board.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import type { ComputeAsk, ComputeReply } from '#roles/replica/compute/compute-messages.ts'
import type { ReplicaOptions } from '#roles/replica/options.ts'
import type { HttpListener } from '#ports/net/http.ts'
import { type Serving, startServing } from '#roles/replica/answer/serving.ts'
import { openStore } from '#state/open-store.ts'
import { runThread } from './entry.ts'

export interface AnswererThreadData {
  readonly options: ReplicaOptions & HttpSettings & LogSettings
  readonly clientVersion: string
  readonly board: SharedArrayBuffer
  readonly memory: SharedArrayBuffer
  readonly meters: SharedArrayBuffer
  readonly region: number
  readonly applier: MessagePort
  /** The queue of heavy calls, where there are compute threads. */
  readonly compute: MessagePort | undefined
  /** Where this thread's link listens, how many there are, and whether another thread still has the address. */
  readonly link: { readonly address: string; readonly streams: number; readonly isFree: boolean }
  /** Other threads listen on the same port. */
  readonly sharesPort: boolean
}

const CLOSE_GRACE_MS = 2_000
/** A client whose connection is idle may just be sending its next request: it is answered, and told to go. */
const DRAIN_IDLE_MS = 1_000
const DRAIN_TIME_MAX_MS = replicaLimits.drainTimeMaxMs.value

const data = workerData as AnswererThreadData
const { options, memory, meters, applier, link } = data

await runThread('answerer', async ({ scope, onOrder, say, end }) => {
  installCommittedCore()
  const log = loggerFor(options.id, options)
  const meter = createMeterRegistry(sharedCells(meters, data.region))
  // Open ports would keep the thread alive.
  scope.defer(() => {
    applier.close()
    data.compute?.close()
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

  const board = createBoard(data.board)
  const linkFree = Promise.withResolvers<void>()
  if (link.isFree) linkFree.resolve()
  scope.defer(() => linkFree.resolve())

  const serving = await startServing(
    {
      id: options.id,
      link: link.address,
      streams: link.streams,
      clientVersion: data.clientVersion,
      serve: options.serve as 'eager' | 'verified',
      callGasMax: options.callGasMax,
      callTimeMaxMs: options.callTimeMaxMs,
      cacheBytes: options.cacheBytes,
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
      board: board,
      applier: createMailbox<AnswererAsks, ApplierNews>(applier),
      transport: createTransport(),
      clock,
      log,
      meter,
      memory: guard,
      renderMetrics: () => renderSharedMeters(meters),
      linkFree: linkFree.promise,
      compute: data.compute && createMailbox<ComputeAsk, ComputeReply>(data.compute),
    },
    scope,
  )
  // One that joins threads that serve would refuse what they answer.
  if (board.isReady()) await serving.storeOpened
  const close = await listen(serving, scope)

  const drain = async (noticeMs: number): Promise<void> => {
    const draining = serving.drain()
    void draining.closed.then(() => say('linkLeft'))
    await clock.sleep(noticeMs, scope.signal)
    const tooLong = clock.sleep(DRAIN_TIME_MAX_MS, scope.signal)
    await Promise.all([
      close({ graceMs: DRAIN_TIME_MAX_MS, idleGraceMs: DRAIN_IDLE_MS }),
      Promise.race([draining.done, tooLong]),
    ])
    end()
  }
  onOrder((order) => {
    if (order.kind === 'openLink') linkFree.resolve()
    if (order.kind === 'drain') scope.spawn('drain', () => drain(order.noticeMs))
  })
  log.info('answering', { http: `http://${options.host}:${options.port}`, link: link.address })
})

type Close = HttpListener['close']

/** Returns what ends it: nobody new is taken, and what is open gets so long to end. */
async function listen(serving: Serving, scope: Scope): Promise<Close> {
  const { host, port, bodyBytesMax } = options
  const shared = data.sharesPort ? { shared: 'reusePort' as const } : {}
  const listener = await httpServerFor(options).listen(
    { host, port, bodyBytesMax, gate: serving.gate, ...shared },
    serving.handle,
  )
  let closing: Promise<void> | undefined
  const close: Close = (grace) => (closing ??= listener.close(grace))
  scope.defer(() => close({ graceMs: CLOSE_GRACE_MS }))
  return close
}
