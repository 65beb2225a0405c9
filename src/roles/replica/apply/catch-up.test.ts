import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { type Logger, silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { type BlockRows, blockRows } from '#state/rows/block-rows.ts'
import { openStore } from '#state/open-store.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { after, difference, genesisWorld, rootOf, worldBuilder } from '#state/testing/trie-world.ts'
import { Applier, type ApplierOptions } from './applier.ts'
import { createApplierMetrics } from './applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { catchUp, type CatchUpLimits } from './catch-up.ts'
import { standingOf } from '#roles/replica/standing.ts'
import { damaged, Feed, headAt, partsOf, stored } from '#roles/replica/testing/feed.ts'
import { allRows, plansOf, tell } from '#roles/replica/testing/history.ts'
import { dying, Killed } from '#state/testing/dying.ts'
import { type ReaderFaults, readerHere } from '#roles/replica/testing/reader.ts'

const options: ApplierOptions = {
  horizon: { kind: 'blocks', blocks: 4 },
  verify: 'digest',
  prove: 'receipts',
}
const { signal } = new AbortController()

interface Circumstances {
  /** The feed's end. */
  readonly until?: number
  readonly reader?: ReaderFaults | undefined
  readonly trie?: boolean
  readonly log?: Logger
}

/** One life of a replica: it catches up, applies the rest record by record, and tidies up. */
async function live(
  feed: Feed,
  kv: KeyValue,
  limits: CatchUpLimits | 'block by block',
  { until, reader, trie = false, log: logger = silent }: Circumstances = {},
): Promise<Applier> {
  const store = openStore(kv, { compress: stored, trie })
  const parts = {
    ...{ store, compress: stored, log: logger, clock: createVirtualClock(), moved: () => {} },
    board: createBoard(new SharedArrayBuffer(BOARD_BYTES)),
    metrics: createApplierMetrics(createMeterRegistry()),
  }
  const next = until ?? (await feed.log.bounds()).next
  const log = { ...feed.log, bounds: async () => ({ first: 0, next }) }
  let standing = await standingOf(store, feed.chain.genesis, log, signal)
  if (limits !== 'block by block') {
    const startReader = reader && readerHere(log, reader)
    standing = await catchUp(options, { ...parts, feed: log, startReader }, signal, limits)
  }
  const applier = new Applier(options, parts, standing)
  while (applier.position() < next) {
    const records = await feed.log.read(applier.position(), { maxBytes: 1 })
    applier.take(records.slice(0, 1))
    if (applier.halted() !== undefined) break
  }
  while (applier.tidy());
  return applier
}

async function historyOf(feed: Feed, plan: Parameters<typeof tell>[1]): Promise<ReturnType<typeof allRows>> {
  await tell(feed, plan)
  const kv = memoryKeyValue()
  await live(feed, kv, 'block by block')
  return allRows(kv)
}

const limitsOf = fc.record<CatchUpLimits>({
  blocksAtOnce: fc.integer({ min: 1, max: 12 }),
  blocksMin: fc.constant(1),
})

test('a store that took blocks many at once is row by row the one that took them one by one', async () => {
  await fc.assert(
    fc.asyncProperty(plansOf(30), limitsOf, async (plan, limits) => {
      const feed = new Feed()
      const expected = await historyOf(feed, plan)
      const kv = memoryKeyValue()
      await live(feed, kv, limits)
      assert.deepEqual(allRows(kv), expected)
    }),
    { numRuns: 25 },
  )
})

test('with threads that read ahead it is the same, also where one dies after any of its messages', async () => {
  const readers = fc.record({
    messagesMax: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(20)),
    aheadBytesMax: fc.constantFrom(1, 10_000),
    readers: fc.integer({ min: 1, max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(plansOf(30), limitsOf, readers, async (plan, limits, reader) => {
      const feed = new Feed()
      const expected = await historyOf(feed, plan)
      const kv = memoryKeyValue()
      const warnings: string[] = []
      const log = { ...silent, warn: (text: string) => void warnings.push(text) }
      await live(feed, kv, limits, { reader, log })
      assert.deepEqual(allRows(kv), expected)
      if (reader.messagesMax === Number.POSITIVE_INFINITY)
        assert.ok(!warnings.some((text) => text.includes('reads ahead')), 'readers read to the end')
    }),
    { numRuns: 25 },
  )
})

test('killed after any transaction, and begun again when the feed has grown, it becomes the same store', async () => {
  await fc.assert(
    fc.asyncProperty(
      plansOf(20),
      limitsOf,
      fc.double({ min: 0.4, max: 1, noNaN: true }),
      async (plan, limits, part) => {
        const feed = new Feed()
        const expected = await historyOf(feed, plan)
        const { next } = await feed.log.bounds()
        const first = Math.max(2, Math.floor(next * part))
        for (let transactions = 0; ; transactions++) {
          const kv = memoryKeyValue()
          const isDead = await live(feed, dying(kv, transactions), limits, { until: first }).then(
            () => false,
            (thrown: unknown) => {
              if (thrown instanceof Killed) return true
              throw thrown
            },
          )
          await live(feed, kv, { ...limits, blocksAtOnce: 1 + (transactions % 12) })
          assert.deepEqual(allRows(kv), expected, `killed after ${transactions} transactions`)
          if (!isDead) return
        }
      },
    ),
    { numRuns: 3 },
  )
})

test('while the state is between two blocks a snapshot says so, and what is above the head is not seen', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames = feed.branch(undefined, '', 12)
  const kv = memoryKeyValue()
  const store = openStore(kv, { compress: stored })
  store.initialise(feed.chain.identity, feed.chain.genesis)
  let writes = 0
  const watched: KeyValue = {
    ...kv,
    write(change) {
      const done = kv.write(change)
      const snapshot = store.snapshot()
      const [frame] = frames as [Frame]
      if (snapshot.heads.head.number === 0) {
        writes += snapshot.catchingUpTo === frames.length ? 1 : 0
        assert.equal(snapshot.numberOf(frame.block.header.hash), undefined)
        assert.equal(snapshot.transaction(frame.block.transactions[0]?.hash ?? new Uint8Array(32)), undefined)
        assert.equal(snapshot.header(1), undefined)
      } else assert.equal(snapshot.catchingUpTo, undefined)
      snapshot.release()
      return done
    },
  }
  const bulk = openStore(watched, { compress: stored }).bulk()
  for (const frame of frames) bulk.add(blockRows(frame, stored))
  bulk.finish(() => {})
  assert.ok(writes > 2, `${writes} transactions with the mark`)
})

test('a batch is full when it holds as many bytes as it may, and a block’s rows are its own', () => {
  const feed = new Feed()
  const store = openStore(memoryKeyValue(), { compress: stored })
  store.initialise(feed.chain.identity, feed.chain.genesis)
  const [rows] = feed.branch(undefined, '', 1).map((frame) => blockRows(frame, stored))
  assert.ok(rows !== undefined && rows.accounts.length > 0)
  const [small, large] = [store.bulk(1), store.bulk(1e9)]
  assert.deepEqual([small.isFull(), large.isFull()], [false, false])
  for (const bulk of [small, large]) {
    const given: BlockRows = structuredClone(rows)
    bulk.add(given)
    assert.deepEqual([given.accounts.length, given.slots.length], [0, 0])
  }
  assert.deepEqual([small.isFull(), large.isFull()], [true, false])
})

for (const reader of [undefined, {}])
  test(`a bad frame in the final past, read ${reader ? 'ahead' : 'by the applier'}, changes nothing at once, and stops the applier at its place`, async () => {
    const feed = new Feed()
    await feed.begin()
    const frames = feed.branch(undefined, '', 30)
    for (const [i, frame] of frames.entries())
      await feed.say('m1', ...(i === 9 ? damaged(partsOf(frame)) : partsOf(frame)), headAt(frame, frame))
    const kv = memoryKeyValue()
    const applier = await live(feed, kv, { blocksAtOnce: 20, blocksMin: 1 }, { reader })
    assert.match(applier.halted() ?? '', /block 10 /)
    const snapshot = openStore(kv, { compress: stored }).snapshot()
    assert.deepEqual(snapshot.heads.head, refOf((frames[8] as Frame).block.header))
    assert.equal(snapshot.catchingUpTo, undefined)
    snapshot.release()
  })

test('a store that is half way to a block which its feed does not have is refused', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames = feed.branch(undefined, '', 30)
  for (const frame of frames) await feed.say('m1', ...partsOf(frame), headAt(frame, frame))
  let kv = memoryKeyValue()
  for (let transactions = 1; ; transactions++) {
    assert.ok(transactions < 100, 'some transaction leaves the mark')
    kv = memoryKeyValue()
    await live(feed, dying(kv, transactions), { blocksAtOnce: 20, blocksMin: 1 }).catch(() => {})
    const store = openStore(kv, { compress: stored })
    if (store.identity() === undefined) continue
    const snapshot = store.snapshot()
    snapshot.release()
    if (snapshot.catchingUpTo !== undefined) break
  }
  await assert.rejects(live(feed, kv, { blocksAtOnce: 20, blocksMin: 1 }, { until: 10 }), {
    code: 'replica/half-way',
  })
})

test('with a state trie blocks are taken many at once too; where their root is another, the applier stops at the block that is wrong', async () => {
  const BLOCKS = 90
  for (const [wrong, reader] of [
    [undefined, undefined],
    [17, undefined],
    [undefined, {}],
    [17, {}],
  ] as const) {
    const feed = new Feed(worldBuilder())
    await feed.begin()
    let world = genesisWorld
    const frames: Frame[] = []
    for (let i = 0; i < BLOCKS; i++) {
      const next = after(world, [{ who: i % 23, balance: i + 1, slots: [[i % 5, i % 3]] }])
      const told = i === wrong ? after(next, [{ who: 23, balance: 999, slots: [] }]) : next
      frames.push(feed.chain.next({ ...difference(world, told), stateRoot: rootOf(next), extra: String(i) }))
      const frame = frames.at(-1) as Frame
      await feed.say('m1', ...partsOf(frame), headAt(frame, frame))
      world = next
    }
    const kv = memoryKeyValue()
    let transactions = 0
    const counted: KeyValue = {
      ...kv,
      write(change) {
        transactions++
        return kv.write(change)
      },
    }
    const life = live(feed, counted, { blocksAtOnce: BLOCKS, blocksMin: 1 }, { trie: true, reader })
    const last = (frames[wrong === undefined ? BLOCKS - 1 : wrong - 1] as Frame).block.header
    if (wrong === undefined) {
      assert.equal((await life).halted(), undefined)
      assert.ok(transactions < BLOCKS, `${transactions} transactions`)
    } else
      await assert.rejects(life, {
        code: 'store/state-root',
        message: new RegExp(`block ${last.number + 1} `),
      })
    const snapshot = openStore(kv, { compress: stored }).snapshot()
    snapshot.release()
    assert.deepEqual(snapshot.heads.head, refOf(last))
    assert.equal(snapshot.catchingUpTo, undefined)
  }
})
