import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createChunks } from './chunks.ts'

test('a chunk that was given back is taken again, and nobody else has it', () => {
  const chunks = createChunks(8, 2)
  const first = chunks.take()
  const second = chunks.take()
  assert.notEqual(first, second)
  chunks.give(first)
  assert.equal(chunks.take(), first)
  assert.notEqual(chunks.take(), first)
})

test('no more are kept than there may be', () => {
  const chunks = createChunks(8, 1)
  const [first, second] = [chunks.take(), chunks.take()]
  chunks.give(first)
  chunks.give(second)
  assert.equal(chunks.take(), first)
  assert.notEqual(chunks.take(), second)
})

test('a chunk that is given back twice, or cut, is a bug', () => {
  const chunks = createChunks(8, 4)
  const chunk = chunks.take()
  assert.throws(() => chunks.give(chunk.subarray(1)), /whole/)
  chunks.give(chunk)
  assert.throws(() => chunks.give(chunk), /once/)
})
