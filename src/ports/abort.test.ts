import assert from 'node:assert/strict'
import test from 'node:test'
import { firstOf } from './abort.ts'

test('a signal is aborted with the first of others, for its reason', () => {
  const [a, b] = [new AbortController(), new AbortController()]
  const both = firstOf(a.signal, b.signal)
  assert.equal(both.aborted, false)
  b.abort('b')
  assert.deepEqual([both.aborted, both.reason], [true, 'b'])
  a.abort('a')
  assert.equal(both.reason, 'b')
})

test('of one that is aborted already it is born aborted', () => {
  const aborted = AbortSignal.abort('before')
  const both = firstOf(new AbortController().signal, aborted)
  assert.deepEqual([both.aborted, both.reason], [true, 'before'])
})
