import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { firstDifference, parseExactly } from './judge.ts'

const differ = (expected: string, got: string): string | undefined =>
  firstDifference(parseExactly(expected), parseExactly(got))

test('the order of keys is free, everything else counts', () => {
  assert.equal(differ('{"a":1,"b":[1,2]}', '{"b":[1,2],"a":1.0}'), undefined)
  assert.equal(differ('{"a":{"b":"0xAb"}}', '{"a":{"b":"0xab"}}'), 'a.b: expected "0xAb", got "0xab"')
  assert.equal(differ('[1,2]', '[2,1]'), '[0]: expected 1, got 2')
  assert.equal(differ('{"a":[1]}', '{"a":[1,2]}'), 'a: expected 1 elements, got 2')
  assert.equal(differ('{"a":null}', '{}'), 'a: expected null, got nothing')
  assert.equal(differ('{}', '{"a":null}'), 'a: expected nothing, got null')
  assert.equal(differ('{"a":null}', '{"a":{}}'), 'a: expected null, got {}')
  assert.equal(differ('[]', '{}'), 'the answer: expected [], got {}')
  assert.equal(differ('{"a":"1"}', '{"a":1}'), 'a: expected "1", got 1')
})

test('the words of an error do not count where both sides have some; all else of it does', () => {
  const error = (inner: string): string => `{"id":1,"error":{${inner}}}`
  assert.equal(differ(error('"code":3,"message":"a"'), error('"code":3,"message":"b"')), undefined)
  assert.match(differ(error('"code":3,"message":"a"'), error('"code":3')) ?? '', /^error\.message/)
  assert.match(differ(error('"code":3'), error('"code":3,"message":"b"')) ?? '', /^error\.message/)
  assert.match(differ(error('"code":3,"message":"a"'), error('"code":4,"message":"a"')) ?? '', /^error\.code/)
  assert.match(
    differ(error('"message":"a","data":"0x"'), error('"message":"a","data":"0x1"')) ?? '',
    /^error\.data/,
  )
  const inside = (message: string): string => `{"result":[{"calls":[{"error":{"message":"${message}"}}]}]}`
  assert.equal(differ(inside('a'), inside('b')), undefined)
  assert.match(differ('{"result":{"message":"a"}}', '{"result":{"message":"b"}}') ?? '', /^result\.message/)
})

test('integers beyond doubles are compared digit by digit', () => {
  assert.match(
    differ('{"a":9007199254740993}', '{"a":9007199254740992}') ?? '',
    /^a: expected "9007199254740993"/,
  )
  assert.equal(differ('[18446744073709551615]', '[18446744073709551615]'), undefined)
})

test('a value equals itself, and no value that was changed in one place', () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('any')), fc.dictionary(fc.string(), tie('any'))),
  })).any
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), fc.nat(), (list, at) => {
      const copy: unknown[] = structuredClone(list)
      assert.equal(firstDifference(list, copy), undefined)
      copy[at % list.length] = { changed: copy[at % list.length] }
      assert.notEqual(firstDifference(list, copy), undefined)
      assert.notEqual(firstDifference(copy, list), undefined)
    }),
  )
})
