/** Entry of a replica's compute thread: heavy calls, one at a time, at a priority below those who answer. */
import { setPriority } from 'node:os'
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
import { createBoard } from '#roles/replica/board.ts'
import {
  type ComputeNews,
  type ComputeOrder,
  createCancelled,
} from '#roles/replica/compute/compute-messages.ts'
import { startComputer } from '#roles/replica/compute/computer.ts'
import type { ReplicaOptions } from '#roles/replica/options.ts'
import { openStore } from '#state/open-store.ts'
import { runThread } from './entry.ts'

export interface ComputerThreadData {
  readonly options: ReplicaOptions & LogSettings
  readonly clientVersion: string
  readonly board: SharedArrayBuffer
  readonly meters: SharedArrayBuffer
  readonly region: number
  readonly cancelled: SharedArrayBuffer
  readonly queue: MessagePort
}

/** A nice value, which acts on this thread alone. */
const PRIORITY = 10

const data = workerData as ComputerThreadData
const { options, queue } = data

await runThread('computer', async ({ scope }) => {
  setPriority(PRIORITY)
  installCommittedCore()
  // An open port would keep the thread alive.
  scope.defer(() => queue.close())
  const compress = createZstd()
  startComputer(
    {
      clientVersion: data.clientVersion,
      callGasMax: options.callGasMax,
      callTimeMaxMs: options.callTimeMaxMs,
    },
    {
      openStore: () => {
        const kv = openLmdb({ path: join(options.dataPath, 'store'), mode: 'reader', durable: false })
        scope.defer(() => kv.close())
        return openStore(kv, { compress })
      },
      board: createBoard(data.board),
      config: readGenesis(options.genesisPath).config,
      clock: createClock(),
      log: loggerFor(options.id, options),
      meter: createMeterRegistry(sharedCells(data.meters, data.region)),
      cancelled: createCancelled(data.cancelled),
      queue: createMailbox<ComputeNews, ComputeOrder>(queue),
    },
  )
})
