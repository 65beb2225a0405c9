import assert from 'node:assert/strict'
import test from 'node:test'
import { encodedJson, jsonBytes } from './json-bytes.ts'

const LONG = 40_000

function filled(byte: number, length = LONG) {
  return encodedJson((out) => void out.raw(new Uint8Array(length).fill(byte)))
}

test('what is lent stays as it is until it is given back, whatever is written meanwhile', () => {
  const first = filled(1)
  const others = Array.from({ length: 20 }, (_, i) => filled(10 + i))
  jsonBytes((out) => void out.raw(new Uint8Array(LONG).fill(2)))
  assert.ok(first.free !== undefined)
  for (const [i, { bytes }] of [first, ...others].entries())
    assert.deepEqual(bytes, new Uint8Array(LONG).fill(i === 0 ? 1 : 9 + i))
  for (const { free } of [first, ...others]) free?.()
})

test('an array that was given back is written in again; what was made its own is not', () => {
  const first = filled(1)
  first.free?.()
  const second = filled(2)
  assert.equal(second.bytes.buffer, first.bytes.buffer)
  const own = second.own()
  const third = filled(3)
  assert.equal(third.bytes.buffer, second.bytes.buffer)
  assert.deepEqual([own.bytes, own.free], [new Uint8Array(LONG).fill(2), undefined])
  third.free?.()
})

test('what is given back twice is a bug', () => {
  const { free } = filled(1)
  free?.()
  assert.throws(() => free?.(), /once/)
})

test('what is short, or much shorter than its array, is a copy', () => {
  assert.equal(filled(1, 1_000).free, undefined)
  const large = filled(1, 300_000)
  large.free?.()
  const small = filled(2)
  assert.equal(small.free, undefined)
  assert.equal(filled(3, 300_000).bytes.buffer, large.bytes.buffer)
})

test('a writer that throws takes no array with it', () => {
  const first = filled(1)
  first.free?.()
  assert.throws(() => encodedJson(() => assert.fail('thrown')), /thrown/)
  const next = filled(1)
  assert.equal(next.bytes.buffer, first.bytes.buffer)
  next.free?.()
})
