/** The production applier over a preloaded store, with a feed that the benchmark hands to it record by record. */
import { refOf, type Frame } from '#chain/block/frame.ts'
import { toHex } from '#kernel/bytes.ts'
import { createClock } from '#platform/clock/clock.ts'
import type { Compress } from '#ports/compress.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { type Logger, silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { Horizon } from '#ports/options.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import type { RecordBody } from '#protocol/feed/frames/records.ts'
import { Applier } from '#roles/replica/apply/applier.ts'
import { createApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { catchUp } from '#roles/replica/apply/catch-up.ts'
import type { StartReader } from '#roles/replica/read-ahead/ready-frame.ts'
import { standingOf } from '#roles/replica/standing.ts'
import { openStore } from '#state/open-store.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { encodeFrame, splitFrame } from '#wire/frame.ts'
import { encodeRecord } from '#wire/record.ts'
import { genesis } from './preload.ts'

let sequence = 0

export function record(body: RecordBody): Uint8Array {
  sequence += 1
  return encodeRecord({ cluster: 'bench', producer: 'm1', epoch: 1, incarnation: 1n, sequence, body })
}

export function generation(): Uint8Array {
  const { header, config } = genesis
  return record({
    kind: 'generation',
    chainId: config.chainId,
    genesisHash: header.hash,
    generation: 1,
    base: refOf(header),
    baseHeader: header.rlp,
    baseStateRoot: toHex(header.stateRoot),
    settings: { agree: 1 },
  })
}

/** What a master appends for a block: its parts, then the head. */
export function recordsOf(frame: Frame, finalized: Frame | undefined, compress: Compress): Uint8Array[] {
  const { header } = frame.block
  const parts = splitFrame({
    block: refOf(header),
    parent: header.parentHash,
    deltaHash: toHex(frame.deltaHash),
    level: frame.level,
    bytes: encodeFrame(frame, compress),
  })
  const final = finalized && refOf(finalized.block.header)
  const marks = final && { safe: final, finalized: final }
  return [...parts, { kind: 'headEvent', head: refOf(header), checked: [], ...marks } as const].map(record)
}

export interface BenchReplica {
  take(records: readonly Uint8Array[]): void
  /** Final blocks many at once, as far as there are some. */
  catchUp(): Promise<void>
  /** The rest of the feed, or as much of it as brings the head to block `until`. */
  gather(until?: number): Promise<void>
  head(): number
  /** All that is done when no record waits. */
  tidy(): void
  snapshot(): Snapshot
}

/** Of a piece of the feed: some blocks. */
const READ_BYTES = 1_000_000

/** What a replica warns of spoils a figure: a frame that is refused, a thread that has ended. */
const warnings: Logger = { ...silent, error: console.error, warn: console.error }

export async function startReplica(
  kv: KeyValue,
  { horizon, compress }: { readonly horizon: Horizon; readonly compress: Compress },
  given?: RecordLog,
  startReader?: StartReader,
): Promise<BenchReplica> {
  const feed = given ?? createMemoryRecordLog()
  if (given === undefined) await feed.append([generation()])
  const store = openStore(kv, { compress })
  const { signal } = new AbortController()
  const options = { horizon, verify: 'digest', prove: 'receipts' } as const
  const parts = {
    ...{ store, compress, clock: createClock(), log: warnings, moved: () => {} },
    board: createBoard(new SharedArrayBuffer(BOARD_BYTES)),
    metrics: createApplierMetrics(createMeterRegistry()),
  }
  let applier = new Applier(options, parts, await standingOf(store, genesis, feed, signal))
  const head = (): number => {
    const snapshot = store.snapshot()
    snapshot.release()
    return snapshot.heads.head.number
  }
  return {
    take(records) {
      const from = applier.position()
      applier.take(records.map((bytes, i): LogRecord => ({ position: from + i, bytes })))
    },
    async catchUp() {
      applier = new Applier(options, parts, await catchUp(options, { ...parts, feed, startReader }, signal))
    },
    async gather(until = Number.POSITIVE_INFINITY) {
      const { next } = await feed.bounds()
      while (applier.position() < next && head() < until)
        applier.gather(await feed.read(applier.position(), { maxBytes: READ_BYTES }))
      applier.flush()
    },
    head,
    tidy() {
      while (applier.tidy());
    },
    snapshot: () => store.snapshot(),
  }
}
