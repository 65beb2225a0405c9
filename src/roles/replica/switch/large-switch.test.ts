import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openStore } from '#state/open-store.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { createServedHeads } from '#roles/replica/answer/answer-heads.ts'
import { Applier, type ApplierOptions } from '#roles/replica/apply/applier.ts'
import { createApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { catchUp } from '#roles/replica/apply/catch-up.ts'
import { linkStatus } from '#roles/replica/link/status.ts'
import { standingOf } from '#roles/replica/standing.ts'
import { Feed, headAt, partsOf, stored } from '#roles/replica/testing/feed.ts'
import { allRows, plansOf, tell } from '#roles/replica/testing/history.ts'

const options: ApplierOptions = {
  horizon: { kind: 'blocks', blocks: 128 },
  verify: 'digest',
  prove: 'receipts',
}
const { signal } = new AbortController()

class Killed extends Error {}

interface Life {
  readonly rowsMax?: number
  /** Transactions until it is killed. */
  readonly transactions?: number
  /** Records taken at once. */
  readonly atOnce?: number
  /** Sees the store after each transaction. */
  readonly look?: (snapshot: Snapshot) => void
}

/** One life of a replica over `kv`, from whatever it finds there to the feed's end; false where it is killed before. */
async function live(feed: Feed, kv: KeyValue, life: Life = {}): Promise<boolean> {
  let left = life.transactions ?? Number.POSITIVE_INFINITY
  const watched: KeyValue = {
    ...kv,
    write(change) {
      if (left-- === 0) throw new Killed()
      const done = kv.write(change)
      const seen = openStore(kv, { compress: stored })
      if (seen.identity() === undefined) return done
      const snapshot = seen.snapshot()
      life.look?.(snapshot)
      snapshot.release()
      return done
    },
  }
  const clock = createVirtualClock()
  const parts = {
    ...{ store: openStore(watched, { compress: stored }), compress: stored, log: silent, moved: () => {} },
    // Two block times pass at each look: nothing is held back.
    clock: { ...clock, nowMs: () => (nowMs += 100_000) },
    board: createBoard(new SharedArrayBuffer(BOARD_BYTES)),
    metrics: createApplierMetrics(createMeterRegistry()),
    feed: feed.log,
  }
  let nowMs = 0
  const limited = { ...options, ...(life.rowsMax !== undefined && { commitRowsMax: life.rowsMax }) }
  const { next: end } = await feed.log.bounds()
  try {
    await standingOf(parts.store, feed.chain.genesis, feed.log, signal)
    const applier = new Applier(limited, parts, await catchUp(limited, parts, signal))
    while (applier.position() < end) {
      const records = await feed.log.read(applier.position(), { maxBytes: 1e9 })
      applier.take(records.slice(0, Math.min(life.atOnce ?? 1, end - applier.position())))
    }
    while (applier.tidy());
    return true
  } catch (thrown) {
    if (thrown instanceof Killed) return false
    throw thrown
  }
}

const rowsMaxOf = fc.constantFrom(1, 40, 70, 150)
/** Up, and deep back and up again. */
const deep = [0, 0, 0, 0, 4, 1].map((depth) => ({ depth, parts: 1, sibling: 'none' }) as const)

test('killed after any transaction of any switch, a store becomes row by row the one that made each switch at once', async () => {
  let halves = 0
  await fc.assert(
    fc.asyncProperty(plansOf(7), rowsMaxOf, fc.constantFrom(1, 7, 1_000), async (plan, rowsMax, atOnce) => {
      const feed = new Feed()
      await tell(feed, plan)
      const whole = memoryKeyValue()
      await live(feed, whole)
      const expected = chainRows(whole, atOnce)
      for (let transactions = 1; ; transactions++) {
        const kv = memoryKeyValue()
        const isWhole = await live(feed, kv, { rowsMax, transactions, atOnce })
        halves += isHalf(kv) ? 1 : 0
        // The next life may be of another version, with another limit.
        await live(feed, kv, { rowsMax: transactions % 2 === 0 ? rowsMax : 90, atOnce })
        const found = chainRows(kv, atOnce)
        for (const table of Object.keys(expected))
          assert.deepEqual(
            found[table],
            expected[table],
            `${table}, killed after ${transactions} transactions`,
          )
        if (isWhole) return
      }
    }),
    { numRuns: 6, examples: [[deep, 40, 1]] },
  )
  assert.ok(halves > 0, `${halves} kills in the middle of a switch`)
})
/** In batches, how much is written of the records after the last decision depends on where they begin. */
function chainRows(kv: KeyValue, atOnce: number): Record<string, readonly string[]> {
  const { meta, side, ...rest } = allRows(kv)
  return atOnce === 1 ? { meta, side, ...rest } : rest
}
function isHalf(kv: KeyValue): boolean {
  const store = openStore(kv, { compress: stored })
  if (store.identity() === undefined) return false
  const snapshot = store.snapshot()
  snapshot.release()
  return snapshot.catchingUpTo !== undefined
}

test('whoever reads between two transactions sees what a store without limit shows, or that nothing may be served', async () => {
  let halves = 0
  await fc.assert(
    fc.asyncProperty(plansOf(12), rowsMaxOf, async (plan, rowsMax) => {
      const feed = new Feed()
      await tell(feed, plan)
      const served = createServedHeads('eager')
      const shown = new Map<number, string>()
      await live(feed, memoryKeyValue(), {
        look: (snapshot) =>
          snapshot.position > 0 &&
          shown.set(snapshot.position, JSON.stringify([snapshot.heads, served(snapshot)])),
      })
      const limited = createServedHeads('eager')
      let before = JSON.stringify(undefined)
      await live(feed, memoryKeyValue(), {
        rowsMax,
        look(snapshot) {
          if (snapshot.position === 0) return
          const now = JSON.stringify(limited(snapshot))
          if (snapshot.catchingUpTo !== undefined) {
            halves++
            assert.equal(now, before, 'what was said of the heads stays, until it is made')
            return
          }
          assert.equal(JSON.stringify([snapshot.heads, limited(snapshot)]), shown.get(snapshot.position))
          before = now
        },
      })
    }),
    { numRuns: 25, examples: [[deep, 40]] },
  )
  assert.ok(halves > 0, `${halves} looks at half a switch`)
})

test('gateways are told not to ask from the first transaction of a switch to before its last, and the head as it was', async () => {
  const feed = new Feed()
  await feed.begin()
  const old = feed.branch(undefined, 'old', 6)
  const other = feed.branch(undefined, 'other', 8)
  for (const frames of [old, other])
    await feed.say('m1', ...frames.flatMap((frame) => partsOf(frame)), headAt(frames.at(-1) as Frame))
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  board.setReady()
  const served = createServedHeads('eager')
  const told: string[] = []
  await live(feed, memoryKeyValue(), {
    rowsMax: 60,
    look(snapshot) {
      const store = { snapshot: () => ({ ...snapshot, release: () => {} }) }
      const { phase, head } = linkStatus({ store, board, served })
      const now = `${phase} ${head.head.number}`
      if (now !== told.at(-1)) told.push(now)
    },
  })
  assert.deepEqual(told, ['ready 0', 'catchingUp 0', 'ready 6', 'catchingUp 6', 'ready 8'])
})

test('a long branch that one record names is applied in transactions of the limit, and one that fits in one', async () => {
  const feed = new Feed()
  await feed.begin()
  const frames = feed.branch(undefined, '', 32)
  const top = frames.at(-1) as Frame
  await feed.say('m1', ...frames.flatMap((frame) => partsOf(frame)), headAt(top))
  for (const [rowsMax, transactions] of [
    [10_000, 1],
    [200, 5],
  ] as const) {
    const heads: number[] = []
    const kv = memoryKeyValue()
    await live(feed, kv, {
      rowsMax,
      atOnce: 1_000,
      look({ heads: { head } }) {
        if (head.number !== heads.at(-1)) heads.push(head.number)
      },
    })
    const snapshot = openStore(kv, { compress: stored }).snapshot()
    assert.deepEqual(snapshot.heads.head, refOf(top.block.header))
    assert.equal(snapshot.catchingUpTo, undefined)
    snapshot.release()
    assert.equal(heads.at(-1), 32)
    assert.equal(heads.filter((number) => number > 0).length, transactions, heads.join())
  }
})
