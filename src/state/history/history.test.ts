import '#test/support/core.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Lookup } from '#chain/state-view.ts'
import type { Frame } from '#chain/block/frame.ts'
import { refOf } from '#chain/block/frame.ts'
import { bigintFrom, bigintTo } from '#kernel/bytes.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { blockRows } from '#state/rows/block-rows.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { openStore } from '#state/open-store.ts'
import type { Store } from '#state/store.ts'
import { createChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'

const ADDRESSES = [makeAddress(1), makeAddress(2)]
const SLOTS = [bigintTo(0n, 32), bigintTo(1n, 32), bigintTo(2n ** 255n, 32)]
const EMPTY = new Uint8Array(32).fill(0xc5)
/** How often a block changes each slot. */
const CHANGES = [0.6, 0.1, 0.01]
/** Blocks that may be undone. */
const NOT_FINAL = 20
const WIDENED_ROWS = 50

/** The whole state after one block: balances by address, values by `address/slot`; what is absent is not there. */
type State = ReadonlyMap<string, bigint>

/** A store, and its slow twin: the chain with every version of the state. */
class Pair {
  readonly kv: KeyValue = memoryKeyValue()
  readonly builder = createChainBuilder()
  readonly #chain: { readonly frame: Frame | undefined; readonly state: State }[] = [
    { frame: undefined, state: new Map() },
  ]
  store: Store
  #finalized = 0
  #historyFrom = 0
  #random: () => number
  #built = 0

  constructor(seed: number) {
    this.store = openStore(this.kv, { compress: stored })
    this.store.initialise(this.builder.identity, this.builder.genesis)
    let state = seed
    this.#random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    }
  }

  head(): number {
    return this.#chain.length - 1
  }

  /** One in some blocks wipes a storage, one in some removes an account. */
  #next(): Frame {
    const before = (this.#chain.at(-1) as { state: State }).state
    const after = new Map(before)
    const wiped = this.#random() < 0.05 ? Math.floor(this.#random() * ADDRESSES.length) : undefined
    const isWiped = [...before.keys()].some((key) => key.startsWith(`${wiped}/`))
    if (isWiped) for (const key of before.keys()) if (key.startsWith(`${wiped}/`)) after.delete(key)
    ADDRESSES.forEach((_, i) => {
      if (this.#random() < 0.1) after.delete(String(i))
      else if (this.#random() < 0.5) after.set(String(i), BigInt(1 + Math.floor(this.#random() * 1e6)))
      SLOTS.forEach((__, j) => {
        // The first slot changes often, the last one hardly ever.
        if (this.#random() > (CHANGES[j] as number)) return
        const value = BigInt(Math.floor(this.#random() * 5))
        if (value === 0n) after.delete(`${i}/${j}`)
        else after.set(`${i}/${j}`, value)
      })
    })
    const frame = this.builder.next({
      parent: this.#chain.at(-1)?.frame ?? this.builder.genesis,
      accounts: ADDRESSES.flatMap((address, i) => {
        const [was, is] = [before.get(String(i)), after.get(String(i))]
        if (was === is) return []
        return [
          { address, after: is === undefined ? undefined : { nonce: 0n, balance: is, codeHash: EMPTY } },
        ]
      }),
      slots: ADDRESSES.flatMap((address, i) =>
        SLOTS.flatMap((key, j) => {
          const [was, is] = [before.get(`${i}/${j}`), after.get(`${i}/${j}`)]
          const isListed = isWiped && wiped === i ? is !== undefined : was !== is
          return isListed ? [{ address, key, value: bigintTo(is ?? 0n, 32) }] : []
        }),
      ),
      cleared: isWiped ? [ADDRESSES[wiped as number] as Uint8Array] : [],
      extra: `${this.#built++}`,
    })
    this.#chain.push({ frame, state: after })
    return frame
  }

  apply(count: number): void {
    this.store.commit((writer) => {
      for (let left = count; left > 0; left--) writer.apply(this.#next())
    })
  }

  /** Some blocks of another branch in the place of as many, in one commit. */
  reorganise(depth: number): void {
    const undone = Math.min(depth, this.head() - Math.max(this.#finalized, this.#historyFrom))
    this.store.commit((writer) => {
      for (let left = undone; left > 0; left--) assert.deepEqual(writer.undo(), this.#chain.pop()?.frame)
      for (let left = undone; left > 0; left--) writer.apply(this.#next())
    })
  }

  /** Many blocks at once, without history: all that was before them goes. */
  takeAtOnce(count: number): void {
    const bulk = this.store.bulk()
    for (let left = count; left > 0; left--) bulk.add(blockRows(this.#next(), stored))
    this.#finalized = this.#historyFrom = this.head()
    bulk.finish((writer) => this.#mark(writer))
  }

  #mark(writer: Parameters<Parameters<Store['commit']>[0]>[0]): void {
    const { frame } = this.#chain[this.#finalized] as { frame: Frame | undefined }
    const ref = refOf(frame?.block.header ?? this.builder.genesis.header)
    writer.setMarks({ safe: ref, finalized: ref, verified: ref })
  }

  widen(steps: number): void {
    this.#finalized = Math.max(this.#finalized, this.head() - NOT_FINAL)
    this.store.commit((writer) => this.#mark(writer))
    for (let left = steps; left > 0; left--)
      this.store.commit((writer) => void (writer.isToWiden() && writer.widenHistory(WIDENED_ROWS)))
  }

  prune(part: number, rowsMax: number): void {
    const to = Math.floor(this.#historyFrom + part * (this.#finalized - this.#historyFrom))
    for (let isDone = false; !isDone; )
      this.store.commit((writer) => void (isDone = writer.pruneHistory(to, rowsMax)))
    this.#historyFrom = Math.max(this.#historyFrom, to)
  }

  reopen(): void {
    this.store = openStore(this.kv, { compress: stored })
  }

  /** At the edges of the horizon and of stretches, and at some blocks in between. */
  compare(): void {
    const snapshot = this.store.snapshot()
    assert.equal(snapshot.historyFrom, this.#historyFrom)
    assert.equal(snapshot.heads.head.number, this.head())
    const edges = [0, 1, 2, 15, 16, 17, 127, 128, 129].flatMap((n) => [
      n,
      this.head() - n,
      this.#historyFrom + n,
    ])
    const some = Array.from({ length: 12 }, () => Math.floor(this.#random() * (this.head() + 1)))
    for (const number of new Set([...edges, ...some]))
      if (number >= this.#historyFrom && number <= this.head()) this.#compareAt(snapshot, number)
    if (this.#historyFrom > 0) assert.throws(() => snapshot.stateAt(this.#historyFrom - 1), /horizon/)
    snapshot.release()
  }

  #compareAt(snapshot: Snapshot, number: number): void {
    const { state } = this.#chain[number] as { state: State }
    const view = snapshot.stateAt(number)
    const out = new Uint8Array(72)
    ADDRESSES.forEach((address, i) => {
      const balance = state.get(String(i))
      assert.equal(view.account(address, out), balance === undefined ? Lookup.absent : Lookup.found)
      if (balance !== undefined) assert.equal(bigintFrom(out.subarray(8, 40)), balance)
      SLOTS.forEach((slot, j) => {
        view.slot(address, slot, out)
        const expected = state.get(`${i}/${j}`) ?? 0n
        assert.equal(
          bigintFrom(out.subarray(0, 32)),
          expected,
          `slot ${i}/${j} at ${number} of ${this.head()}`,
        )
      })
    })
  }
}

const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('apply' as const), count: fc.integer({ min: 1, max: 150 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reorganise' as const),
      count: fc.integer({ min: 1, max: NOT_FINAL }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('widen' as const), count: fc.integer({ min: 1, max: 80 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('takeAtOnce' as const),
      count: fc.integer({ min: 1, max: 200 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('prune' as const),
      part: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
      rowsMax: fc.integer({ min: 1, max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)

test('every block within the horizon reads as a model that keeps every version: reorganised, wiped, pruned, widened, taken at once', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 3, maxLength: 14 }), fc.integer(), (commands, seed) => {
      const pair = new Pair(seed)
      for (const each of commands) {
        switch (each.kind) {
          case 'apply':
            pair.apply(each.count)
            break
          case 'reorganise':
            pair.reorganise(each.count)
            break
          case 'widen':
            pair.widen(each.count)
            break
          case 'takeAtOnce':
            pair.takeAtOnce(each.count)
            break
          case 'prune':
            pair.prune(each.part, each.rowsMax)
            break
          case 'reopen':
            pair.reopen()
        }
        pair.compare()
      }
    }),
    { numRuns: 25 },
  )
})

test('an archive with each of its blocks asked about, before, while and after old history is moved', () => {
  const pair = new Pair(7)
  pair.apply(700)
  pair.compare()
  for (let i = 0; i < 120; i++) {
    pair.widen(1)
    if (i % 8 === 0) pair.compare()
  }
  pair.reorganise(NOT_FINAL)
  pair.apply(100)
  pair.widen(100)
  for (let i = 0; i < 10; i++) pair.compare()
})
