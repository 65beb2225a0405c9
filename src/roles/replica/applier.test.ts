import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import type { Frame } from '#chain/frame.ts'
import { refOf } from '#chain/frame.ts'
import { stateRoot } from '#chain/roots.ts'
import { toHex } from '#kernel/bytes.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter-registry.ts'
import type { RecordLog } from '#ports/record-log.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import type { RecordBody } from '#protocol/feed/records.ts'
import { openStore } from '#state/open-store.ts'
import { comparable, dumpTables } from '#state/testing/dump.ts'
import { createChainBuilder } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { encodeFrame, splitFrame } from '#wire/frame.ts'
import { encodeRecord } from '#wire/record.ts'
import { Applier } from './applier.ts'
import { createApplierMetrics } from './applier-metrics.ts'
import { BOARD_BYTES, createBoard } from './board.ts'
import { standingOf } from './standing.ts'

const compress = createZstd()
const word = (n: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? n : 0))
const address = (n: number): Uint8Array => Uint8Array.from({ length: 20 }, () => n)

/** A feed of one master over synthetic blocks. */
class Feed {
  readonly log = createMemoryRecordLog()
  readonly chain = createChainBuilder({
    accounts: [{ address: address(9), after: { nonce: 0n, balance: 1n, codeHash: new Uint8Array(32) } }],
  })
  #sequence = 0

  async begin(): Promise<void> {
    const { genesis } = this.chain
    await this.say({
      kind: 'generation',
      chainId: genesis.config.chainId,
      genesisHash: genesis.header.hash,
      generation: 1,
      base: refOf(genesis.header),
      baseHeader: genesis.header.rlp,
      baseStateRoot: toHex(genesis.header.stateRoot),
      settings: { agree: 1 },
    })
  }
  async say(...bodies: readonly RecordBody[]): Promise<void> {
    const envelope = { cluster: 'test', producer: 'm1', epoch: 1, incarnation: 1n }
    await this.log.append(
      bodies.map((body) => encodeRecord({ ...envelope, sequence: ++this.#sequence, body })),
    )
  }
  block(parent: Frame | undefined, extra: string, seed: number): Frame {
    return this.chain.next({
      parent: parent ?? this.chain.genesis,
      extra,
      accounts: [
        {
          address: address(1 + (seed % 3)),
          after: seed % 5 === 0 ? undefined : { nonce: BigInt(seed), balance: 1n, codeHash: word(0) },
        },
      ],
      slots: [{ address: address(1 + (seed % 3)), key: word(seed % 4), value: word(seed % 7) }],
      logs: [[{ address: address(2), topics: [word(seed % 5)], data: word(seed % 3) }]],
    })
  }
  parts(frame: Frame, flip = false): RecordBody[] {
    const bytes = encodeFrame(frame, compress)
    const { header } = frame.block
    const parts = splitFrame({
      block: refOf(header),
      parent: header.parentHash,
      deltaHash: toHex(frame.deltaHash),
      level: frame.level,
      bytes,
    })
    return parts.map((part) =>
      flip ? { ...part, bytes: part.bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) } : part,
    )
  }
  head(frame: Frame, finalized?: Frame): RecordBody {
    const marks = finalized && {
      safe: refOf(finalized.block.header),
      finalized: refOf(finalized.block.header),
    }
    return { kind: 'headEvent', head: refOf(frame.block.header), checked: [], ...marks }
  }
}

async function replica(feed: Feed, kv = memoryKeyValue(), clock = createVirtualClock()) {
  const store = openStore(kv, { compress })
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  const parts = {
    store,
    board,
    compress,
    clock,
    log: silent,
    metrics: createApplierMetrics(createMeterRegistry()),
    moved: () => {},
  }
  const standing = await standingOf(store, feed.chain.genesis, feed.log, new AbortController().signal)
  const applier = new Applier({ horizonBlocks: 128, verify: 'digest', prove: 'receipts' }, parts, standing)
  return { kv, store, applier, board, clock, ...reader(feed.log, applier), head: () => headOf(store) }
}
const reader = (log: RecordLog, applier: Applier) => ({
  /** Takes up to `records` records, as one batch. */
  async take(records = Number.POSITIVE_INFINITY): Promise<void> {
    const batch = await log.read(applier.position(), { maxBytes: 1e9 })
    applier.take(batch.slice(0, records))
  },
})
function headOf(store: ReturnType<typeof openStore>) {
  const snapshot = store.snapshot()
  const { heads } = snapshot
  snapshot.release()
  return heads
}

/** Blocks with reorganisations, as a leader tells them; each step is one append. */
async function tell(feed: Feed, plan: readonly number[]): Promise<void> {
  await feed.begin()
  const chain: Frame[] = []
  for (const [step, depth] of plan.entries()) {
    const back = Math.min(depth, chain.length)
    chain.splice(chain.length - back)
    const bodies: RecordBody[] = []
    for (let i = 0; i <= back; i++) {
      const frame = feed.block(chain.at(-1), `s${step}`, step * 3 + i)
      chain.push(frame)
      bodies.push(...feed.parts(frame))
    }
    await feed.say(...bodies, feed.head(chain.at(-1) as Frame, chain.at(-7)))
  }
}

const plans = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }) },
  ),
  { minLength: 2, maxLength: 14 },
)

test('killed and started again at every record, a store is the same as one that was never stopped', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const feed = new Feed()
      await tell(feed, plan)
      const whole = await replica(feed)
      await whole.take()
      let kv = memoryKeyValue()
      for (;;) {
        const life = await replica(feed, kv) // a new applier from what is stored: what a kill leaves
        kv = life.kv
        const before = life.applier.position()
        await life.take(1)
        life.applier.stop()
        // Nothing is persisted for a record that changes nothing, so take two at once where one does not move the stored position.
        const stored = storedPosition(life.store)
        if (stored === before) await life.take(3)
        if (life.applier.position() === (await feed.log.bounds()).next) break
      }
      assert.deepEqual(comparable(dumpTables(kv)), comparable(dumpTables(whole.kv)))
      assert.deepEqual(headOf(openStore(kv, { compress })), whole.head())
    }),
    { numRuns: 25 },
  )
})
function storedPosition(store: ReturnType<typeof openStore>): number {
  const snapshot = store.snapshot()
  const { position } = snapshot
  snapshot.release()
  return position
}

test('a reorganisation is one commit: a reader sees the old head or the new one', async () => {
  const feed = new Feed()
  await tell(feed, [0, 0, 0])
  const { take, store, head } = await replica(feed)
  await take()
  const before = storedSequence(store)
  const old = feed.block(undefined, 'x', 1)
  const other = [old]
  for (let i = 1; i < 5; i++) other.push(feed.block(other.at(-1), 'x', i))
  await feed.say(...other.flatMap((frame) => feed.parts(frame)), feed.head(other.at(-1) as Frame))
  await take()
  assert.equal(head().head.number, 5)
  assert.equal(storedSequence(store), before + 1)
})
function storedSequence(store: ReturnType<typeof openStore>): number {
  const snapshot = store.snapshot()
  const { sequence } = snapshot
  snapshot.release()
  return sequence
}

test('a shorter branch is held back until it is as high, and steps down once when it stays short', async () => {
  const feed = new Feed()
  await tell(feed, [0, 0, 0, 0])
  const { take, head, clock, board, applier } = await replica(feed)
  await take()
  const a = feed.block(undefined, 'short', 1)
  await feed.say(...feed.parts(a), feed.head(a))
  await take()
  assert.equal(head().head.number, 4, 'the lower head is not shown')
  assert.ok(board.applied() < applier.position(), 'what is held back is not applied')
  const rest = [a]
  for (let i = 2; i <= 4; i++) rest.push(feed.block(rest.at(-1), 'short', i))
  await feed.say(...rest.slice(1).flatMap((frame) => feed.parts(frame)), feed.head(rest.at(-1) as Frame))
  await take()
  assert.equal(head().head.hash, rest.at(-1)?.block.header.hash, 'as high, it is taken at once')

  const b = feed.block(undefined, 'stays', 1)
  await feed.say(...feed.parts(b), feed.head(b))
  await take()
  assert.equal(head().head.number, 4)
  await clock.advance(60_000)
  assert.equal(head().head.hash, b.block.header.hash, 'after two block times it steps down')
  assert.equal(board.applied(), applier.position())
})

test('a frame that fails its checks stops the applier at its parent, and nothing else of it is shown', async () => {
  const feed = new Feed()
  await feed.begin()
  const a = feed.block(undefined, '', 1)
  const b = feed.block(a, '', 2)
  const c = feed.block(b, '', 3)
  await feed.say(...feed.parts(a), ...feed.parts(b, true), ...feed.parts(c), feed.head(c))
  const { take, head, applier } = await replica(feed)
  await take()
  assert.equal(head().head.hash, a.block.header.hash)
  assert.match(applier.halted() ?? '', /digest/)
})

test('a feed of another genesis, and a feed that was replaced, are refused by name', async () => {
  const feed = new Feed()
  await tell(feed, [0])
  const other = createChainBuilder({
    accounts: [{ address: address(1), after: { nonce: 1n, balance: 2n, codeHash: word(0) } }],
  }).genesis
  const foreign = { ...other, header: { ...other.header, stateRoot: stateRoot(other.accounts, []) } }
  const store = openStore(memoryKeyValue(), { compress })
  const { signal } = new AbortController()
  await assert.rejects(standingOf(store, foreign, feed.log, signal), { code: 'replica/foreign-genesis' })
  await standingOf(store, feed.chain.genesis, feed.log, signal)
  await assert.rejects(standingOf(store, feed.chain.genesis, createMemoryRecordLog('another'), signal), {
    code: 'feed/replaced',
  })
  feed.log.trimBefore(2)
  await assert.rejects(standingOf(store, feed.chain.genesis, feed.log, signal), { code: 'feed/too-old' })
})
