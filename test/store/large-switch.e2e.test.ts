/** Switches on LMDB that are larger than its transactions may be, beside a thread that reads. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import '#test/support/core.ts'
import type { Frame } from '#chain/block/frame.ts'
import { bigintFrom, bigintTo } from '#kernel/bytes.ts'
import { silent } from '#ports/logger.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { Applier } from '#roles/replica/apply/applier.ts'
import { createApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { rowsOf } from '#roles/replica/apply/commit-size.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { standingOf } from '#roles/replica/standing.ts'
import { Feed, headAt, partsOf } from '#roles/replica/testing/feed.ts'
import { allRows } from '#roles/replica/testing/history.ts'
import { openStore } from '#state/open-store.ts'
import { createChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'

const directory = mkdtempSync(join(tmpdir(), 'drover-large-switch-'))
after(() => rmSync(directory, { recursive: true }))

const ROWS_MAX = replicaLimits.commitRowsMax.value
const SLOTS = 1_500
const PLACES = 1n << 256n

/** In random places of the table. */
const slotKey = (n: number): Uint8Array =>
  bigintTo(
    (BigInt(n) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_1082_276b_f3a2_7251_f86c_6a11_d0c1_8e95n) % PLACES,
    32,
  )
const account = (number: number) => ({
  address: makeAddress(7),
  after: { nonce: BigInt(number), balance: BigInt(number), codeHash: new Uint8Array(32) },
})

/** Blocks as mainnet's, by their rows. */
function branch(feed: Feed, parent: Frame | undefined, extra: string, length: number): Frame[] {
  const frames: Frame[] = []
  const first = parent?.block.header.number ?? 0
  for (let number = first + 1; number <= first + length; number++) {
    const slots = Array.from({ length: SLOTS }, (_, i) => ({
      address: makeAddress(7),
      key: slotKey(((number % 3) * SLOTS) / 2 + i),
      value: bigintTo(BigInt(number), 32),
    }))
    const on = frames.at(-1) ?? parent ?? feed.chain.genesis
    frames.push(feed.chain.next({ parent: on, extra, accounts: [account(number)], slots, logs: [[], []] }))
  }
  return frames
}

async function applierOver(feed: Feed, kv: KeyValue, commitRowsMax?: number): Promise<Applier> {
  const store = openStore(kv, { compress: stored })
  const parts = {
    ...{ store, compress: stored, clock: createVirtualClock(), log: silent, moved: () => {} },
    board: createBoard(new SharedArrayBuffer(BOARD_BYTES)),
    metrics: createApplierMetrics(createMeterRegistry()),
  }
  const options = { horizon: { kind: 'blocks', blocks: 128 }, verify: 'digest', prove: 'receipts' } as const
  const standing = await standingOf(store, feed.chain.genesis, feed.log, new AbortController().signal)
  return new Applier({ ...options, ...(commitRowsMax !== undefined && { commitRowsMax }) }, parts, standing)
}

async function takeAll(feed: Feed, applier: Applier): Promise<void> {
  const { next } = await feed.log.bounds()
  while (applier.position() < next) applier.take(await feed.log.read(applier.position(), { maxBytes: 1e9 }))
}

test('branches above the limit are applied and undone on LMDB, and a thread that reads sees their ends only', async () => {
  const feed = new Feed()
  await feed.begin()
  const old = branch(feed, undefined, 'old', 14)
  const other = branch(feed, old[0], 'other', 16)
  assert.ok(13 * rowsOf(old[0]) > ROWS_MAX, 'each is above the limit')
  const path = join(directory, 'switch')
  const kv = openLmdb({ path, mode: 'writer', durable: false })
  const applier = await applierOver(feed, kv)
  const ends = [feed.chain.genesis.header.hash, ...[old, other].map((it) => it.at(-1)?.block.header.hash)]
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL('./heads-reading-thread.ts', import.meta.url), {
    workerData: { path, ends, stop },
  })
  const ended = once(worker, 'exit')
  const failed = Promise.withResolvers<never>()
  worker.on('error', failed.reject)
  const seen = (hash: string | undefined): Promise<void> =>
    Promise.race([
      failed.promise,
      new Promise<void>((resolve) => {
        worker.on('message', (told) => told === hash && resolve())
      }),
    ])
  await seen(ends[0])
  for (const [i, frames] of [old, other].entries()) {
    await feed.say('m1', ...frames.flatMap((frame) => partsOf(frame)), headAt(frames.at(-1) as Frame))
    const shown = seen(ends[i + 1])
    await takeAll(feed, applier)
    await shown
  }
  Atomics.store(stop, 0, 1)
  await ended
  while (applier.tidy());
  const whole = memoryKeyValue()
  const atOnce = await applierOver(feed, whole, Number.POSITIVE_INFINITY)
  await takeAll(feed, atOnce)
  while (atOnce.tidy());
  const [found, expected] = [allRows(kv), allRows(whole)]
  for (const table of Object.keys(expected) as (keyof typeof expected)[])
    assert.deepEqual(found[table], expected[table], table)
  await kv.close()
})

test('a block of more rows than the limit, as no block of 60 million gas has, is one transaction of LMDB', async () => {
  const BEFORE = 150_000
  const CHANGED = 22_000
  const address = makeAddress(7)
  const value = bigintTo(1n, 32)
  const builder = createChainBuilder({
    slots: Array.from({ length: BEFORE }, (_, i) => ({ address, key: slotKey(i), value })),
  })
  const kv = openLmdb({ path: join(directory, 'block'), mode: 'writer', durable: false })
  const store = openStore(kv, { compress: stored })
  store.initialise(builder.identity, builder.genesis)
  const slots = Array.from({ length: CHANGED }, (_, i) => ({
    address,
    key: slotKey(i * 9), // some that are there, and some new ones
    value: bigintTo(2n, 32),
  }))
  const log = { address, topics: [slotKey(1)], data: new Uint8Array(100) }
  const frame = builder.next({ slots, logs: [Array.from({ length: 1_000 }, () => log)] })
  assert.ok(rowsOf(frame) > 45_000)
  const slot = new Uint8Array(32)
  const valueAt = (number: number, key: Uint8Array): bigint => {
    const snapshot = store.snapshot()
    snapshot.stateAt(number).slot(address, key, slot)
    snapshot.release()
    return bigintFrom(slot)
  }
  store.commit((writer) => writer.apply(frame))
  for (const { key } of slots) assert.equal(valueAt(1, key), 2n)
  store.commit((writer) => void writer.undo())
  for (const [i, { key }] of slots.entries()) assert.equal(valueAt(0, key), i * 9 < BEFORE ? 1n : 0n)
  await kv.close()
})
