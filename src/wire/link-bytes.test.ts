import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { BlockMemo, LinkReader, LinkWriter } from './link-bytes.ts'

test('messages that are written at once, of any length beside what was expected, do not touch each other', () => {
  const block = { number: 7, hash: `0x${'ab'.repeat(32)}` as BlockHash }
  const message = fc.record({ expected: fc.nat(2_000), parts: fc.array(fc.uint8Array({ maxLength: 300 })) })
  fc.assert(
    fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
      const memo = new BlockMemo()
      const writers = messages.map(({ expected }) => new LinkWriter(expected))
      const most = Math.max(0, ...messages.map(({ parts }) => parts.length))
      for (let i = 0; i < most; i++)
        messages.forEach(({ parts }, j) => {
          const part = parts[i]
          if (part !== undefined) writers[j]?.sized(part).block(block, memo)
        })
      const written = writers.map((writer) => writer.done())
      written.forEach((bytes, j) => {
        const reader = new LinkReader(bytes)
        for (const part of messages[j]?.parts ?? []) {
          assert.deepEqual(reader.sized().slice(), part)
          assert.deepEqual(reader.block(), block)
        }
        reader.end()
      })
    }),
  )
})

test('a text of any length and characters comes back as it was, beside whatever stands next to it', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.nat(200).map((length) => `${'a'.repeat(length)}é`),
  )
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.nat(300), (texts, expected) => {
      const out = new LinkWriter(expected)
      for (const one of texts) out.text(one).u8(7)
      const reader = new LinkReader(out.done())
      for (const one of texts) {
        assert.equal(reader.text(), one)
        assert.equal(reader.u8(), 7)
      }
      reader.end()
    }),
  )
})
