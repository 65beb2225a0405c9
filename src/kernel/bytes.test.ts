import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  bigintFrom,
  bigintTo,
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  toHex,
  trimZeros,
  tryFromHex,
} from './bytes.ts'

const bytes = fc.uint8Array({ maxLength: 300 })

test('hex is what Buffer says, and comes back, whatever its length', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      assert.equal(toHex(value), `0x${Buffer.from(value).toString('hex')}`)
      assert.deepEqual(fromHex(toHex(value).toUpperCase().replace('0X', '0x')), value)
    }),
  )
  for (const text of ['', '0', '0x0', '0xzz', '12', '0x1g', 'xx00'])
    assert.equal(tryFromHex(text), undefined, text)
})

test('bytes are compared, joined and read as numbers as Buffer and BigInt do', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b))
      assert.equal(equalBytes(a, b), Buffer.from(a).equals(b))
      assert.deepEqual(concatBytes(a, b), Uint8Array.from([...a, ...b]))
      const number = bigintFrom(a)
      assert.equal(number, a.length === 0 ? 0n : BigInt(toHex(a)))
      if (a.length > 0) assert.deepEqual(bigintTo(number, a.length), a)
      assert.equal(bigintFrom(trimZeros(a)), number)
    }),
  )
})
