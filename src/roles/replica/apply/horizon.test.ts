import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Header } from '#chain/header/header.ts'
import type { Horizon } from '#ports/options.ts'
import { blocksWithHistory, oldestKept } from './horizon.ts'

/** A chain to block 1,000 with a block every 12 s, final to 930, with history from 100. */
const ref = (number: number): BlockRef => ({ number, hash: '0x' as BlockRef['hash'] })
const snapshot = {
  heads: { head: ref(1_000), finalized: ref(930), safe: ref(930), verified: ref(1_000) },
  historyFrom: 100,
  chainFrom: 0,
  header: (number: number) =>
    number <= 1_000 ? ({ number, timestamp: 1_700_000_000 + 12 * number } as unknown as Header) : undefined,
}
const kept = (horizon: Horizon, bytes = 0): number => oldestKept(horizon, snapshot, () => bytes)

test('a horizon of blocks keeps the states of so many blocks before the head', () => {
  assert.equal(kept({ kind: 'blocks', blocks: 128 }), 872)
  assert.equal(kept({ kind: 'blocks', blocks: 2_000 }), 100)
})

test('what is not final is kept whatever the horizon says', () => {
  assert.equal(kept({ kind: 'blocks', blocks: 10 }), 930)
  assert.equal(kept({ kind: 'time', seconds: 1 }), 930)
})

test('a horizon of time keeps the state that was the latest so long before the head, to the second', () => {
  assert.equal(kept({ kind: 'time', seconds: 12 * 200 }), 800)
  assert.equal(kept({ kind: 'time', seconds: 12 * 200 + 1 }), 799)
  assert.equal(kept({ kind: 'time', seconds: 12 * 200 - 1 }), 800)
  assert.equal(kept({ kind: 'time', seconds: 1_000_000 }), 100)
})

test('a horizon of bytes drops some blocks while there is too much', () => {
  assert.equal(kept({ kind: 'bytes', bytes: 1_000 }, 1_001), 116)
  assert.equal(kept({ kind: 'bytes', bytes: 1_000 }, 1_000), 100)
})

test('an archive drops nothing, and takes no block without its history', () => {
  assert.equal(kept({ kind: 'all' }, 1e12), 100)
  assert.equal(blocksWithHistory({ kind: 'all' }, snapshot), Number.POSITIVE_INFINITY)
})

test('a store that is far behind takes history of rather more blocks than a time needs', () => {
  assert.equal(blocksWithHistory({ kind: 'time', seconds: 12 * 200 }, snapshot), 400)
  const empty = { ...snapshot, heads: { ...snapshot.heads, head: ref(0) } }
  assert.equal(blocksWithHistory({ kind: 'time', seconds: 3_600 }, empty), 3_600)
})
