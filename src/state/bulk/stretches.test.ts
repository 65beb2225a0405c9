import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { equalBytes, toHex, utf8 } from '#kernel/bytes.ts'
import {
  historyKey,
  keyedTo,
  LEVELS,
  nextWidening,
  NOT_WIDENED,
  removeHistory,
  valueBefore,
  widen,
  type Widening,
} from './stretches.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'

/** Of three lengths, as those of accounts, slots and places of a trie are; the first changes in every block. */
const KEYS = ['a-hot', 'b-other', 'c-one-that-is-longer', 'd-one-that-is-longer', 'e']
const BLOCKS = 2_300

/** Rows in the store, and the slow twin: which blocks changed each key. */
class Twin {
  readonly kv: KeyValue = memoryKeyValue()
  readonly changed: number[][] = KEYS.map(() => [])
  head = 0
  historyFrom = 0
  widening: Widening = NOT_WIDENED

  grow(blocks: number, isChanged: (key: number, block: number) => boolean): void {
    this.kv.write((tx) => {
      for (let left = blocks; left > 0; left--) {
        const block = ++this.head
        KEYS.forEach((name, key) => {
          if (key > 0 && !isChanged(key, block)) return
          tx.put('history', historyKey(utf8(name), block), value(key, block))
          this.changed[key]?.push(block)
        })
      }
    })
  }

  /** As undoing does: from where rows are written. */
  undo(): void {
    const block = this.head--
    this.kv.write((tx) =>
      this.changed.forEach((blocks, key) => {
        if (blocks.at(-1) !== block) return
        blocks.pop()
        const place = { block, widening: NOT_WIDENED }
        assert.ok(removeHistory(tx, 'history', utf8(KEYS[key] as string), place))
      }),
    )
  }

  step(final: number, rowsMax: number): boolean {
    const next = nextWidening(this.widening, {
      finalized: this.head - final,
      historyFrom: this.historyFrom,
    })
    // There is no trie: nothing of it is to be keyed.
    this.widening = { ...next, keyed: keyedTo(next) }
    if (this.widening.moving === 0) return false
    this.kv.write((tx) => (this.widening = widen(tx, this.widening, rowsMax)))
    assert.ok(
      this.widening.from.every((from) => from <= this.head - final + 1),
      'what is not final stays',
    )
    return true
  }

  prune(number: number): void {
    this.historyFrom = Math.max(this.historyFrom, number)
    this.kv.write((tx) =>
      this.changed.forEach((blocks, key) => {
        while (blocks[0] !== undefined && blocks[0] <= number) {
          const place = { block: blocks.shift() as number, widening: this.widening }
          assert.ok(removeHistory(tx, 'history', utf8(KEYS[key] as string), place))
        }
      }),
    )
  }

  compare(blocks: readonly number[]): void {
    const tx = this.kv.read()
    const { head, widening } = this
    for (const number of blocks)
      KEYS.forEach((name, key) => {
        const next = this.changed[key]?.find((block) => block > number)
        const probe = historyKey(utf8(name), 0)
        const found = valueBefore(tx, 'history', probe, { number, head, widening })?.slice()
        const expected = next === undefined ? undefined : value(key, next)
        assert.equal(found && toHex(found), expected && toHex(expected), `${name} at ${number} of ${head}`)
      })
    tx.release()
  }

  rows(): number {
    const tx = this.kv.read()
    let rows = 0
    for (let row = tx.seek('history', new Uint8Array(1)); row !== undefined; row = tx.next('history')) rows++
    tx.release()
    return rows
  }
}

function value(key: number, block: number): Uint8Array {
  return utf8(`${key} before ${block}`)
}

test('whatever is applied, undone, pruned and moved, each key is found as it was at each block', () => {
  const command = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('grow' as const), blocks: fc.integer({ min: 1, max: 300 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('undo' as const), blocks: fc.integer({ min: 1, max: 20 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('widen' as const), steps: fc.integer({ min: 1, max: 60 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('prune' as const),
        part: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
      }),
    },
  )
  const FINAL = 20
  fc.assert(
    fc.property(
      fc.array(command, { minLength: 4, maxLength: 16 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 2, max: 400 }),
      (commands, rowsMax, every) => {
        const twin = new Twin()
        let finalized = 0
        for (const each of commands) {
          if (each.kind === 'grow') twin.grow(each.blocks, (key, block) => block % (every * key) === key)
          else if (each.kind === 'undo') {
            for (let left = each.blocks; left > 0 && twin.head > finalized; left--) twin.undo()
          } else if (each.kind === 'widen') {
            finalized = Math.max(finalized, twin.head - FINAL)
            for (let left = each.steps; left > 0 && twin.step(twin.head - finalized, rowsMax); left--);
          } else twin.prune(Math.floor(twin.historyFrom + each.part * (twin.head - FINAL - twin.historyFrom)))
          finalized = Math.max(finalized, twin.historyFrom)
          const span = twin.head - twin.historyFrom
          const edges = [-1, 0, 1, 15, 16, 17, 127, 128, 1_023, 1_024].flatMap((n) => [n, twin.head - n])
          const spread = Array.from({ length: 40 }, (_, i) => twin.historyFrom + Math.floor((i * span) / 40))
          twin.compare([...edges, ...spread].filter((n) => n >= twin.historyFrom && n <= twin.head))
          assert.equal(
            twin.rows(),
            twin.changed.reduce((sum, blocks) => sum + blocks.length, 0),
          )
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('at every step of moving rows each key reads as it was at each block', () => {
  const twin = new Twin()
  twin.grow(BLOCKS, (key, block) => block % (37 * key) === key)
  const blocks = Array.from({ length: BLOCKS / 7 }, (_, i) => 7 * i)
  const levels = new Set<number>()
  while (twin.step(64, 200)) {
    levels.add(twin.widening.moving)
    twin.compare(blocks)
  }
  assert.deepEqual(
    [...levels].sort((a, b) => a - b),
    [0, 1, 2],
  )
  // 1,024 blocks in one stretch of the third width; of those behind them what is old enough.
  assert.deepEqual(twin.widening.from, [2_176, 1_024, 0])
})

test('of an archive the widest stretch is reached, and few steps lead there', () => {
  const twin = new Twin()
  for (let i = 0; i < 17; i++) twin.grow(1_000, (key, block) => block % (1_000 * key) === key)
  while (twin.step(64, 2_000));
  assert.deepEqual(twin.widening.from, [16_896, 16_384, 8_192])
  assert.equal(twin.widening.from.length, LEVELS - 1)
  const tx = twin.kv.read()
  let seeks = 0
  const counted: Pick<typeof tx, 'seek'> = {
    seek(table, key) {
      seeks++
      return tx.seek(table, key)
    },
  }
  const probe = historyKey(utf8('never'), 0)
  assert.equal(
    valueBefore(counted, 'history', probe, { number: 0, head: twin.head, widening: twin.widening }),
    undefined,
  )
  assert.ok(seeks < 40, `${seeks} seeks`)
  tx.release()
  twin.compare(Array.from({ length: 170 }, (_, i) => 100 * i))
})

test('where history is as short as a width, nothing is moved', () => {
  const twin = new Twin()
  for (let i = 0; i < 30; i++) {
    twin.grow(20, (key, block) => block % (10 * key) === key)
    twin.prune(Math.max(0, twin.head - 128))
    assert.equal(twin.step(10, 200), false)
  }
  twin.compare(Array.from({ length: 128 }, (_, i) => twin.head - i))
})

test('rows of blocks beyond 2^28 stand apart from those of wider stretches', () => {
  const far = 2 ** 32 - 1
  const keys = Array.from({ length: LEVELS }, (_, level) => historyKey(utf8('k'), far, level))
  keys.forEach((key, i) => keys.forEach((other, j) => assert.equal(equalBytes(key, other), i === j)))
})
