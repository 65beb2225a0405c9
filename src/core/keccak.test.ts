import '#test/support/core.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toHex, utf8 } from '#kernel/bytes.ts'
import { hashInstance } from './core.ts'
import { keccak256 } from './keccak.ts'

/** The core's own, as compiled from Rust: the slow twin. */
function compiled(data: Uint8Array): Uint8Array {
  const core = hashInstance()
  core.input(data)
  core.exports.keccak(data.length)
  return core.output()
}

test('keccak-256 of nothing, of a short text and of zeros is what everybody knows', () => {
  const of = (bytes: Uint8Array): string => toHex(keccak256(bytes))
  assert.equal(of(new Uint8Array()), '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  assert.equal(of(utf8('abc')), '0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45')
  assert.equal(of(new Uint8Array(32)), '0x290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563')
})

test('any bytes have the hash that the compiled core gives them, around the ends of blocks and pages too', () => {
  const random = (length: number, seed: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed, 2_654_435_761) >>> 13) & 255)
  for (const blocks of [0, 1, 2, 399, 400, 401, 800])
    for (const off of [-1, 0, 1]) {
      const length = 136 * blocks + off
      if (length >= 0)
        assert.deepEqual(keccak256(random(length, off)), compiled(random(length, off)), `${length} bytes`)
    }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (data) =>
      assert.deepEqual(keccak256(data), compiled(data)),
    ),
  )
})
