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
