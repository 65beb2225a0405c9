import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createPrng } from './prng.ts'

test('one seed gives one sequence, and near seeds give others', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const draw = (from: number): number[] => {
        const prng = createPrng(from)
        return Array.from({ length: 8 }, () => prng.between(0, 1_000_000))
      }
      assert.deepEqual(draw(seed), draw(seed))
      assert.notDeepEqual(draw(seed), draw(seed + 1))
    }),
  )
})

test('what is drawn from a parent does not move its children', () => {
  const parent = createPrng(7)
  const before = parent.child('disk').bytes(16)
  parent.unit()
  assert.deepEqual(parent.child('disk').bytes(16), before)
  assert.notDeepEqual(parent.child('network').bytes(16), before)
})

test('numbers fill their range evenly and never leave it', () => {
  const prng = createPrng('range')
  const counts = new Map<number, number>()
  for (let i = 0; i < 60_000; i++) {
    const n = prng.between(1, 6)
    counts.set(n, (counts.get(n) ?? 0) + 1)
  }
  assert.deepEqual(
    [...counts.keys()].toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5, 6],
  )
  for (const count of counts.values()) assert.ok(Math.abs(count - 10_000) < 500, String(count))
})
