import '#test/support/core.ts'
import assert from 'node:assert/strict'
import test from 'node:test'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { toHex } from '#kernel/bytes.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { createFeedMachine } from '#protocol/feed/machine.ts'
import type { Generation, RecordBody } from '#protocol/feed/frames/records.ts'
import { WholeFrames } from '#protocol/feed/frames/whole-frames.ts'
import { createChainBuilder } from '#state/testing/frame-builder.ts'
import { stored } from '#state/testing/stored.ts'
import { encodeFrame, splitFrame } from '#wire/frame.ts'
import { decodeRecord, encodeRecord } from '#wire/record.ts'
import { createFeedFrames, type FeedFrame } from './feed-frames.ts'
import { FeedIndex } from './feed-index.ts'

/** A feed that is written and indexed at once. */
class Feed {
  readonly chain = createChainBuilder()
  readonly log = createMemoryRecordLog()
  readonly index = new FeedIndex()
  readonly base = refOf(this.chain.genesis.header)
  readonly #frames = createFeedFrames(this.log.read)
  readonly #machine = createFeedMachine()
  readonly #whole = new WholeFrames()
  #sequence = 0

  async begin(): Promise<void> {
    const { header, config } = this.chain.genesis
    const stateRoot = toHex(header.stateRoot)
    await this.say('m1', {
      ...{ kind: 'generation', chainId: config.chainId, genesisHash: header.hash, generation: 1 },
      ...{ base: this.base, baseHeader: header.rlp, baseStateRoot: stateRoot, settings: { agree: 1 } },
    })
  }
  async say(producer: string, body: RecordBody): Promise<void> {
    this.#sequence++
    const envelope = { cluster: 'test', producer, epoch: 1, incarnation: 1n, sequence: this.#sequence }
    const [position] = await this.log.append([encodeRecord({ ...envelope, body })])
    assert.ok(position !== undefined)
    const record = decodeRecord(encodeRecord({ ...envelope, body }))
    const effects = this.#machine.step(position, record)
    this.#whole.take(record)
    const heads = this.#machine.heads()
    assert.ok(heads)
    this.#whole.judged(heads)
    this.index.take(position, record, effects, heads, this.#whole.settledNumber())
  }
  /** Both masters in parts, those of m2 between those of m1. */
  async publish(frame: Frame, partBytes = 900_000): Promise<void> {
    const parts = partsOf(frame, partBytes)
    for (const part of parts) {
      await this.say('m1', part)
      await this.say('m2', part)
    }
  }
  head(frame: Frame, finalized?: Frame): Promise<void> {
    const marks = finalized && { finalized: refOf(finalized.block.header) }
    return this.say('m1', { kind: 'headEvent', head: refOf(frame.block.header), checked: [], ...marks })
  }
  async above(from: { number: number; hash: string }, count = 10_000): Promise<FeedFrame[]> {
    const found: FeedFrame[] = []
    for (const position of this.index.above(from as never, count)) {
      const frame = await this.#frames.at(position)
      assert.ok(frame)
      found.push(frame)
    }
    return found
  }
}

function partsOf(frame: Frame, partBytes: number) {
  const { header } = frame.block
  const named = { block: refOf(header), parent: header.parentHash, deltaHash: toHex(frame.deltaHash) }
  return splitFrame({ ...named, level: frame.level, bytes: encodeFrame(frame, stored) }, partBytes)
}

const numbers = (frames: readonly FeedFrame[]): number[] => frames.map(({ block }) => block.number)

test('frames above a block come in order, put together from their parts, each with its bytes', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames: Frame[] = []
  for (let i = 0; i < 5; i++) {
    const frame = feed.chain.next()
    frames.push(frame)
    await feed.publish(frame, i % 2 === 0 ? 100 : 900_000)
  }
  assert.deepEqual(await feed.above(feed.base), [], 'no head has been named')
  await feed.head(frames[4] as Frame)
  const found = await feed.above(feed.base)
  assert.deepEqual(numbers(found), [1, 2, 3, 4, 5])
  for (const [i, { bytes }] of found.entries())
    assert.deepEqual(bytes, encodeFrame(frames[i] as Frame, stored))
  assert.deepEqual(numbers(await feed.above(refOf((frames[2] as Frame).block.header), 1)), [4])
  assert.deepEqual(await feed.above(refOf((frames[4] as Frame).block.header)), [])
})

test('only the canonical chain counts, and from another branch nothing leads to it', async () => {
  const feed = new Feed()
  await feed.begin()
  const one = feed.chain.next()
  const old = feed.chain.next({ parent: one, extra: 'old' })
  const two = feed.chain.next({ parent: one, extra: 'new' })
  const three = feed.chain.next({ parent: two })
  for (const frame of [one, old]) await feed.publish(frame)
  await feed.head(old)
  assert.equal(feed.index.hashAt(2), old.block.header.hash)
  for (const frame of [two, three]) await feed.publish(frame)
  await feed.head(three)
  assert.equal(feed.index.hashAt(2), two.block.header.hash)
  assert.deepEqual(numbers(await feed.above(refOf(one.block.header))), [2, 3])
  assert.deepEqual(await feed.above(refOf(old.block.header)), [])
  assert.equal((await feed.above(feed.base))[1]?.block.hash, two.block.header.hash)
})

test('of settled blocks the places are kept, those that can be reorganised follow', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames: Frame[] = []
  for (let i = 0; i < 1_300; i++) {
    const frame = feed.chain.next()
    frames.push(frame)
    for (const part of partsOf(frame, 900_000)) await feed.say('m1', part)
    if (i % 50 === 49) await feed.head(frame, frames[i - 20])
  }
  assert.ok(feed.index.settledTo() > 700)
  const found = await feed.above(refOf((frames[9] as Frame).block.header))
  assert.deepEqual(
    found.map(({ block }) => block.hash),
    frames.slice(10).map(({ block }) => block.header.hash),
  )
  assert.deepEqual(numbers(await feed.above(refOf((frames[1_290] as Frame).block.header), 2)), [1_292, 1_293])
})

test('a chain of 200,000 blocks that is settled in one step, as an imported one is, is found whole', () => {
  const index = new FeedIndex()
  const ref = (number: number) => ({ number, hash: hash(number) })
  const base = ref(0)
  const generation: Generation = {
    ...{ kind: 'generation', chainId: 1n, genesisHash: base.hash, generation: 1, base },
    ...{ baseHeader: new Uint8Array(), baseStateRoot: base.hash, settings: { agree: 1 } },
  }
  const by = { cluster: 'test', producer: 'm1', epoch: 1, incarnation: 1n, sequence: 1 }
  const here = { head: base, safe: base, finalized: base }
  index.take(0, { ...by, body: generation }, [{ kind: 'adopted', cluster: 'test', generation }], here, 0)
  for (let number = 1; number <= 200_000; number++) {
    const named = { block: ref(number), parent: hash(number - 1), level: 'receipts' } as const
    const frame = { ...named, producer: 'm1', frameDigest: base.hash, deltaHash: base.hash }
    const part = { ...frame, kind: 'framePart', index: 0, count: 1, bytes: new Uint8Array() } as const
    index.take(number, { ...by, body: part }, [{ kind: 'frameWhole', frame }], here, 0)
  }
  const head = ref(200_000)
  const event = { kind: 'headEvent', head, checked: [], finalized: head } as const
  index.take(200_001, { ...by, body: event }, [], { head, safe: head, finalized: head }, head.number)
  assert.equal(index.settledTo(), 200_000)
  assert.deepEqual(index.above(ref(150_000), 3), [150_001, 150_002, 150_003])
})

function hash(number: number): BlockHash {
  return `0x${number.toString(16).padStart(64, '0')}` as BlockHash
}
