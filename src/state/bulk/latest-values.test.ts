import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { toHex } from '#kernel/bytes.ts'
import { LatestValues } from './latest-values.ts'
import { ValuePacker } from '#state/rows/packed-rows.ts'

function packed(key: Uint8Array, value: Uint8Array): Uint8Array {
  const packer = new ValuePacker()
  packer.add(key, value)
  return packer.done()
}

/** Keys that differ only in some of their bytes, at both ends. */
const keyOf = (bytes: number) =>
  fc.record({ first: fc.nat(2), middle: fc.nat(40), last: fc.nat(2) }).map(({ first, middle, last }) => {
    const key = new Uint8Array(bytes)
    key[0] = first * 100
    key[21 % bytes] = middle * 6
    key[bytes - 1] = last
    return key
  })

for (const bytes of [20, 52])
  test(`of keys of ${bytes} bytes the last value of each is given, in order, as a map would have it`, () => {
    const latest = new LatestValues(bytes)
    const change = fc.tuple(keyOf(bytes), fc.uint8Array({ maxLength: 73 }))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const twin = new Map<string, string>()
        for (const [key, value] of changes) {
          latest.add(packed(key, value))
          twin.set(toHex(key), toHex(value))
        }
        const given = [...latest.take()].map(({ key, value }) => [toHex(key), toHex(value)])
        assert.deepEqual(
          given,
          [...twin].sort(([a], [b]) => (a < b ? -1 : 1)),
        )
        latest.clear()
        assert.deepEqual([latest.count(), latest.bytes(), [...latest.take()]], [0, 0, []])
      }),
    )
  })

test('many changes of few keys, in more than one buffer, whose rows do not lie across their ends', () => {
  const latest = new LatestValues(20)
  const value = new Uint8Array(255)
  for (let i = 0; i < 40_000; i++) {
    value[0] = i >> 8
    value[1] = i
    latest.add(packed(new Uint8Array(20).fill(i % 3), value))
  }
  assert.ok(latest.bytes() > 40_000 * 275 && latest.bytes() < 2 * 40_000 * 275)
  assert.deepEqual(
    [...latest.take()].map(({ value: last }) => ((last[0] as number) << 8) | (last[1] as number)),
    [39_999, 39_997, 39_998],
  )
})
