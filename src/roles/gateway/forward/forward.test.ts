import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { wellFormed } from './forward.ts'

test('half of a surrogate pair travels as geth reads it, all else as it is', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  const half = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit))
  const escaped = fc.constantFrom('\\ud800', '\\', '\\\\udc00', '\u0000', '💣')
  const mixed = fc.array(fc.oneof(text, half, escaped), { maxLength: 6 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(mixed, mixed, (key, value) => {
      const json = wellFormed(JSON.stringify({ [`k${key}`]: [value] }))
      assert.deepEqual(JSON.parse(json), { [`k${key.toWellFormed()}`]: [value.toWellFormed()] })
    }),
  )
})
