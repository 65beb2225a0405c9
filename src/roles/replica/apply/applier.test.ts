import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { stateRoot } from '#chain/block/roots.ts'
import { Fault } from '#kernel/fault.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openStore } from '#state/open-store.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { dumpTables } from '#state/testing/dump.ts'
import { createChainBuilder } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { Applier, type ApplierOptions } from './applier.ts'
import { createApplierMetrics } from './applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { decodeFeedState } from './feed-state.ts'
import { standingOf } from '#roles/replica/standing.ts'
import { address, beatAt, damaged, Feed, headAt, partsOf, stored, word } from '#roles/replica/testing/feed.ts'
import { allRows, plansOf, tell } from '#roles/replica/testing/history.ts'

const options: ApplierOptions = {
  horizon: { kind: 'blocks', blocks: 128 },
  verify: 'digest',
  prove: 'receipts',
}

/** One life of a replica over a store. */
async function replica(feed: Feed, kv = memoryKeyValue(), more: Partial<ApplierOptions> = {}) {
  const store = openStore(kv, { compress: stored })
  const { genesis } = feed.chain
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  const clock = createVirtualClock()
  const meter = createMeterRegistry()
  const standing = await standingOf(store, genesis, feed.log, new AbortController().signal)
  const collaborators = { store, board, compress: stored, clock, log: silent, moved: () => {} }
  const metrics = createApplierMetrics(meter)
  const applier = new Applier({ ...options, ...more }, { ...collaborators, metrics }, standing)
  return {
    ...{ kv, store, applier, board, clock, meter },
    /** Takes up to `count` records as one batch. */
    async take(count = Number.POSITIVE_INFINITY): Promise<void> {
      const batch = await feed.log.read(applier.position(), { maxBytes: 1e9 })
      applier.take(batch.slice(0, count))
    },
    see: <T>(look: (snapshot: Snapshot) => T): T => see(store, look),
    head: () => see(store, ({ heads }) => heads.head),
  }
}
function see<T>(store: Store, look: (snapshot: Snapshot) => T): T {
  const snapshot = store.snapshot()
  try {
    return look(snapshot)
  } finally {
    snapshot.release()
  }
}
const refAt = (frame: Frame | undefined) => refOf((frame as Frame).block.header)

test('killed at any record and started again, a store becomes row by row the one that was never stopped', async () => {
  await fc.assert(
    fc.asyncProperty(plansOf(9), async (plan) => {
      const feed = new Feed()
      await tell(feed, plan)
      const { next } = await feed.log.bounds()
      const whole = await replica(feed)
      while (whole.applier.position() < next) await whole.take(1)
      const expected = allRows(whole.kv)
      for (let cut = 1; cut < next; cut++) {
        const first = await replica(feed)
        while (first.applier.position() < cut) await first.take(1)
        const second = await replica(feed, first.kv) // from what is stored: what a kill leaves
        while (second.applier.position() < next) await second.take(1)
        assert.deepEqual(allRows(first.kv), expected, `killed before record ${cut}`)
      }
      assert.equal(
        valuesBeside(whole.kv),
        await countBeside(feed, whole.store),
        'nothing is left beside the chain',
      )
    }),
    { numRuns: 5 },
  )
})
/** Values in the table of what stands beside the chain: their first parts. */
function valuesBeside(kv: KeyValue): number {
  return dumpTables(kv).side.filter((row) => row.split(' ')[0]?.endsWith('0000')).length
}
/** What the stored feed machine counts on. */
async function countBeside(feed: Feed, store: Store): Promise<number> {
  const { machine } = await standingOf(store, feed.chain.genesis, feed.log, new AbortController().signal)
  return machine.side().length + [...machine.unfinished().values()].reduce((sum, parts) => sum + parts, 0)
}
test('in one batch or record by record, the store has the same heads', async () => {
  await fc.assert(
    fc.asyncProperty(plansOf(9), async (plan) => {
      const feed = new Feed()
      await tell(feed, plan)
      const [slow, fast] = [await replica(feed), await replica(feed)]
      while (slow.applier.position() < (await feed.log.bounds()).next) await slow.take(1)
      await fast.take()
      assert.deepEqual(
        fast.see(({ heads }) => heads),
        slow.see(({ heads }) => heads),
      )
    }),
    { numRuns: 20 },
  )
})

test('a reorganisation is one commit: a reader sees the old head or the new one', async () => {
  const feed = new Feed()
  await feed.begin()
  const old = feed.branch(undefined, '', 3)
  await feed.say('m1', ...old.flatMap((frame) => partsOf(frame)), headAt(old.at(-1) as Frame))
  const { take, see: look, head, board } = await replica(feed)
  await take()
  const before = look(({ sequence }) => sequence)
  const other = feed.branch(undefined, 'x', 5)
  await feed.say('m1', ...other.flatMap((frame) => partsOf(frame)), headAt(other.at(-1) as Frame))
  await take()
  assert.deepEqual(head(), refAt(other.at(-1)))
  assert.equal(
    look(({ sequence }) => sequence),
    before + 1,
  )
  assert.equal(board.sequence(), before + 1)
  const [first] = old
  assert.ok(
    look((snapshot) => snapshot.side(bytesOf(first as Frame))) !== undefined,
    'what was undone stands beside',
  )
})
function bytesOf({ block }: Frame): Uint8Array {
  return Uint8Array.from(Buffer.from(block.header.hash.slice(2), 'hex'))
}

test('a shorter branch is held back until it is as high', async () => {
  const feed = new Feed()
  await feed.begin()
  const long = feed.branch(undefined, '', 4)
  await feed.say('m1', ...long.flatMap((frame) => partsOf(frame)), headAt(long.at(-1) as Frame))
  const { take, head, board, applier } = await replica(feed)
  await take()
  const short = feed.branch(undefined, 'short', 4)
  await feed.say('m1', ...partsOf(short[0] as Frame), headAt(short[0] as Frame))
  await take()
  assert.deepEqual(head(), refAt(long[3]), 'the lower head is not shown')
  assert.ok(board.applied() < applier.position(), 'what is held back is not applied')
  assert.ok((applier.heldForMs() ?? 0) > 0)
  await feed.say('m1', ...short.slice(1).flatMap((frame) => partsOf(frame)), headAt(short[3] as Frame))
  await take()
  assert.deepEqual(head(), refAt(short[3]), 'as high, it is taken at once')
  assert.equal(applier.heldForMs(), undefined)
})

test('a branch that stays shorter is applied once, after two block times', async () => {
  const feed = new Feed()
  await feed.begin()
  const long = feed.branch(undefined, '', 4)
  await feed.say('m1', ...long.flatMap((frame) => partsOf(frame)), headAt(long.at(-1) as Frame))
  const { take, head, clock, applier, meter } = await replica(feed)
  await take()
  const [short] = feed.branch(undefined, 'short', 1)
  await feed.say('m1', ...partsOf(short as Frame), headAt(short as Frame))
  await take()
  await clock.advance((applier.heldForMs() ?? 0) - 1)
  applier.flush()
  assert.deepEqual(head(), refAt(long[3]))
  await clock.advance(1)
  applier.flush()
  assert.deepEqual(head(), refAt(short))
  assert.match(meter.render(), /drover_replica_head_step_downs_total 1\n/)
})

test('a frame that fails its checks stops the applier at its parent, also after a restart', async () => {
  const feed = new Feed()
  await feed.begin()
  const [a, b, c] = feed.branch(undefined, '', 3) as [Frame, Frame, Frame]
  await feed.say('m1', ...partsOf(a), headAt(a), ...damaged(partsOf(b)))
  const first = await replica(feed)
  await first.take()
  await feed.say('m1', headAt(b), ...partsOf(c), headAt(c))
  for (const life of [first, await replica(feed, first.kv), await replica(feed)]) {
    await life.take()
    assert.deepEqual(life.head(), refAt(a))
    assert.match(
      life.applier.halted() ?? '',
      new RegExp(`block 2 ${refAt(b).hash} failed its checks: .*digest`),
    )
  }
})

test('strict verification recomputes the roots of the header, which digests cannot vouch for', async () => {
  const feed = new Feed()
  await feed.begin()
  const [a] = feed.branch(undefined, '', 1) as [Frame] // its header's roots are zeros
  await feed.say('m1', ...partsOf(a), headAt(a))
  const strict = await replica(feed, memoryKeyValue(), { verify: 'strict' })
  await strict.take()
  assert.equal(strict.head().number, 0)
  assert.match(strict.applier.halted() ?? '', /transactionsRoot is 0x/)
})

test('a bad frame on a branch that nobody follows stops nothing', async () => {
  const feed = new Feed()
  await feed.begin()
  const [a, b] = feed.branch(undefined, '', 2) as [Frame, Frame]
  const other = feed.block(a, 'other', 1)
  await feed.say('m1', ...partsOf(a), headAt(a), ...damaged(partsOf(other)), ...partsOf(b), headAt(b))
  const { take, head, applier } = await replica(feed)
  await take()
  assert.deepEqual(head(), refAt(b))
  assert.equal(applier.halted(), undefined)
})

test('verified is the highest block with every block up to it proven, and goes back with a reorganisation', async () => {
  const feed = new Feed()
  await feed.begin()
  const a = feed.block(undefined, '', 1, 'root')
  const b = feed.block(a, '', 2, 'receipts')
  const c = feed.block(b, '', 3, 'root')
  const { take, see: look } = await replica(feed, memoryKeyValue(), { prove: 'root' })
  const verified = () => look(({ heads }) => heads.verified)
  await feed.say('m1', ...[a, b, c].flatMap((frame) => partsOf(frame)), headAt(c))
  await take()
  assert.deepEqual(verified(), refAt(a))
  const d = feed.block(a, 'd', 4, 'root')
  const e = feed.block(d, 'd', 5, 'root')
  await feed.say('m1', ...partsOf(d), ...partsOf(e), headAt(e))
  await take()
  assert.deepEqual(verified(), refAt(e))
  const f = feed.block(undefined, 'f', 6, 'none')
  const onF = [f, ...feed.branch(f, 'f', 2)]
  await feed.say('m1', ...onF.flatMap((frame) => partsOf(frame)), headAt(onF[2] as Frame))
  await take()
  assert.deepEqual(verified(), refOf(feed.chain.genesis.header))
})

test('a commit that fails changes nothing and can be made again', async () => {
  const feed = new Feed()
  await feed.begin()
  const old = feed.branch(undefined, '', 3)
  const other = feed.branch(undefined, 'x', 4)
  await feed.say('m1', ...old.flatMap((frame) => partsOf(frame)), headAt(old[2] as Frame))
  const kv = memoryKeyValue()
  let isFull = false
  const full: KeyValue = {
    ...kv,
    write: (change) =>
      kv.write((tx) => {
        const done = change(tx)
        if (isFull) throw new Fault('store/disk-low', 'full')
        return done
      }),
  }
  const { take, head } = await replica(feed, full as typeof kv)
  await take()
  await feed.say('m1', ...other.flatMap((frame) => partsOf(frame, 2)), headAt(other[3] as Frame))
  isFull = true
  await assert.rejects(take(), { code: 'store/disk-low' })
  await assert.rejects(take(), { code: 'store/disk-low' })
  assert.deepEqual(head(), refAt(old[2]))
  isFull = false
  await take()
  assert.deepEqual(head(), refAt(other[3]))
})

test('records that decide nothing are not written, until there are many', async () => {
  const feed = new Feed()
  await feed.begin()
  const base = refOf(feed.chain.genesis.header)
  const { take, see: look, applier } = await replica(feed)
  const before = look(({ sequence }) => sequence)
  await feed.say('m1', ...Array.from({ length: 999 }, () => beatAt(base)))
  await take()
  assert.equal(
    look(({ sequence }) => sequence),
    before,
  )
  await feed.say('m1', beatAt(base))
  await take()
  assert.equal(
    look(({ position }) => position),
    applier.position(),
  )
})

test('state is kept for the horizon and for everything that is not final', async () => {
  const feed = new Feed()
  await feed.begin()
  const chain = feed.branch(undefined, '', 300)
  const at = (number: number): Frame => chain[number - 1] as Frame
  await feed.say('m1', ...chain.flatMap((frame) => partsOf(frame)), headAt(at(300), at(100)))
  const { take, see: look, applier } = await replica(feed)
  await take()
  const historyFrom = () => look((snapshot) => snapshot.historyFrom)
  while (applier.tidy());
  assert.equal(historyFrom(), 100, 'what is not final can be undone')
  await feed.say('m1', headAt(at(300), at(290)))
  await take()
  while (applier.tidy());
  assert.equal(historyFrom(), 172, 'the horizon is 128 blocks')
  const before = look(({ sequence }) => sequence)
  assert.equal(applier.tidy(), false)
  assert.equal(
    look(({ sequence }) => sequence),
    before,
    'nothing to tidy is no commit',
  )
})

test('the position that decided the head is stored with it', async () => {
  const feed = new Feed()
  await feed.begin()
  const [a] = feed.branch(undefined, '', 1) as [Frame]
  await feed.say('m1', ...partsOf(a), headAt(a), beatAt(refAt(a)))
  const { take, see: look } = await replica(feed)
  await take()
  assert.equal(decodeFeedState(look((snapshot) => snapshot.machine()) as Uint8Array).decidedAt, 2)
})

test('a feed of another genesis, a feed that was replaced or is cut short, are refused by name', async () => {
  const feed = new Feed()
  await tell(feed, [{ depth: 0, parts: 1, sibling: 'none' }])
  const { signal } = new AbortController()
  const { genesis } = feed.chain
  const other = createChainBuilder({
    accounts: [{ address: address(1), after: { nonce: 1n, balance: 2n, codeHash: word(0) } }],
  }).genesis
  const foreign = { ...other, header: { ...other.header, stateRoot: stateRoot(other.accounts, []) } }
  const empty = openStore(memoryKeyValue(), { compress: stored })
  await assert.rejects(standingOf(empty, foreign, feed.log, signal), {
    code: 'replica/foreign-genesis',
  })
  const { take, store } = await replica(feed)
  await take()
  const open = (log: Feed['log']) => standingOf(store, genesis, log, signal)
  await open(feed.log)
  await assert.rejects(open(createMemoryRecordLog('another')), { code: 'feed/replaced' })
  await assert.rejects(open(createMemoryRecordLog()), { code: 'feed/replaced' })

  const twin = createMemoryRecordLog()
  const records = await feed.log.read(0, { maxBytes: 1e9 })
  await twin.append(records.map(({ bytes }) => bytes.toReversed()))
  await assert.rejects(open(twin), { code: 'feed/replaced' })

  await feed.log.trim(records.length)
  await open(feed.log)
  await feed.say('m1', beatAt(refOf(genesis.header)), beatAt(refOf(genesis.header)))
  await feed.log.trim(records.length + 1)
  await assert.rejects(open(feed.log), { code: 'feed/too-old' })
})
