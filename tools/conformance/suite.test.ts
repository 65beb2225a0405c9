import assert from 'node:assert/strict'
import test from 'node:test'
import { parseRecording } from './suite.ts'

test('a recording is requests with the answers that they had', () => {
  const { specOnly, exchanges } = parseRecording(
    '// about it\n\n>> {"id":1}\n  << {"a":1}  \r\n>>{"id":2}\n// later\n',
  )
  assert.equal(specOnly, false)
  assert.deepEqual(exchanges, [
    { request: '{"id":1}', answer: '{"a":1}' },
    { request: '{"id":2}', answer: undefined },
  ])
})

test('the mark of a file of which only the shape counts stands before its first request', () => {
  assert.equal(parseRecording('// what\n// speconly: shape\n>> {}\n<< {}').specOnly, true)
  assert.equal(parseRecording('>> {}\n<< {}\n// speconly: too late').specOnly, false)
  assert.equal(parseRecording('// not speconly:\n>> {}\n<< {}').specOnly, false)
})

test('what is no line of a recording is refused by its number', () => {
  assert.throws(() => parseRecording('>> {}\n<< {}\n<< {}'), /line 3/)
  assert.throws(() => parseRecording('<< {}'), /line 1/)
  assert.throws(() => parseRecording('{}'), /line 1/)
})
