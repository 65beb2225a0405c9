import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import type { Frame } from '#chain/block/frame.ts'
import { toHex } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { blockRows } from '#state/rows/block-rows.ts'
import { openStore } from '#state/open-store.ts'
import { comparable, dumpTables } from '#state/testing/dump.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { dying, Killed } from '#state/testing/dying.ts'
import {
  after,
  difference,
  type Edit,
  edit,
  genesisWorld,
  rootOf,
  type World,
  worldBuilder,
} from '#state/testing/trie-world.ts'

type Edits = readonly Edit[]

const histories = fc.array(fc.array(edit, { maxLength: 6 }), { minLength: 1, maxLength: 14 })

function chainOf(histories: readonly Edits[], wrongAt = -1) {
  const builder = worldBuilder()
  let world: World = genesisWorld
  const frames = histories.map((edits, i): Frame => {
    const next = after(world, edits)
    const stateRoot = rootOf(i === wrongAt ? world : next)
    const frame = builder.next({ ...difference(world, next), stateRoot, extra: String(i) })
    world = next
    return frame
  })
  return { builder, frames }
}

function storeOf(kv: KeyValue, { identity, genesis }: ReturnType<typeof worldBuilder>) {
  const store = openStore(kv, { compress: stored, trie: true })
  store.initialise(identity, genesis)
  return store
}

/** One by one, and all history dropped. */
function oneByOne({ builder, frames }: ReturnType<typeof chainOf>) {
  const kv = memoryKeyValue()
  const store = storeOf(kv, builder)
  for (const frame of frames) store.commit((writer) => writer.apply(frame))
  const last = frames.at(-1)?.block.header.number ?? 0
  for (let done = false; !done; ) store.commit((writer) => void (done = writer.pruneHistory(last, 100)))
  return rowsOf(kv)
}

const rowsOf = (kv: KeyValue) => comparable(dumpTables(kv))

function atOnce(kv: KeyValue, builder: ReturnType<typeof worldBuilder>, frames: readonly Frame[]): void {
  const bulk = storeOf(kv, builder).bulk()
  for (const frame of frames) bulk.add(blockRows(frame, stored))
  assert.ok(bulk.provesRoot())
  bulk.finish(() => {})
}

test('a trie that took blocks many at once is row by row the one that took them one by one', () => {
  fc.assert(
    fc.property(histories, fc.nat(13), (history, some) => {
      const chain = chainOf(history)
      const kv = memoryKeyValue()
      const store = storeOf(kv, chain.builder)
      // Some one by one first: what they found goes.
      for (const frame of chain.frames.slice(0, some)) store.commit((writer) => writer.apply(frame))
      if (some < chain.frames.length) {
        atOnce(kv, chain.builder, chain.frames.slice(some))
        assert.deepEqual(rowsOf(kv), oneByOne(chain))
      }
    }),
    { numRuns: 60 },
  )
})

test('killed after any transaction, the same blocks and more make the same store', () => {
  fc.assert(
    fc.property(histories, fc.double({ min: 0.3, max: 1, noNaN: true }), (history, part) => {
      const chain = chainOf(history)
      const expected = oneByOne(chain)
      const first = Math.ceil(chain.frames.length * part)
      for (let transactions = 0; ; transactions++) {
        const kv = memoryKeyValue()
        storeOf(kv, chain.builder)
        let isDead = false
        try {
          atOnce(dying(kv, transactions), chain.builder, chain.frames.slice(0, first))
        } catch (thrown) {
          if (!(thrown instanceof Killed)) throw thrown
          isDead = true
        }
        const { head } = storeOf(kv, chain.builder).snapshot().heads
        const left = chain.frames.filter(({ block }) => block.header.number > head.number)
        if (left.length > 0) atOnce(kv, chain.builder, left)
        assert.deepEqual(rowsOf(kv), expected, `killed after ${transactions} transactions`)
        if (!isDead) return
      }
    }),
    { numRuns: 10 },
  )
})

test('where the last root is another nothing of the state is written; a store that was half way says both roots', () => {
  const history = [1, 2, 3].map((balance): Edits => [{ who: 4, balance, slots: [[1, balance % 2]] }])
  const { builder, frames } = chainOf(history, 2)
  const kv = memoryKeyValue()
  const store = storeOf(kv, builder)
  const { bodies: _bodies, ...before } = dumpTables(kv)
  const bulk = store.bulk()
  for (const frame of frames) bulk.add(blockRows(frame, stored))
  assert.equal(bulk.provesRoot(), false)
  const { bodies: _rest, ...now } = dumpTables(kv)
  assert.deepEqual(now, before)
  store.commit((writer) => writer.setCatchingUpTo(frames.at(-1)?.block.header.number))
  const again = store.bulk()
  for (const frame of frames) again.add(blockRows(frame, stored))
  assert.ok(again.provesRoot(), 'its root is not known yet')
  assert.throws(
    () => again.finish(() => {}),
    (thrown) =>
      faultCode(thrown) === 'store/state-root' &&
      String(thrown).includes(toHex(frames.at(-1)?.block.header.stateRoot ?? new Uint8Array(32))),
  )
})
