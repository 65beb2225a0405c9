/** A recorded frame read as a stranger would: with the plain generated types and docs/feed.md, and with none of our own codecs. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import '#test/support/core.ts'
import { keccak256 } from '#core/keccak.ts'
import {
  DeltaSectionSchema,
  FrameSchema,
  type Section,
  TransactionsSectionSchema,
} from './gen/drover/feed/v1/feed_pb.js'
import { fromBinary } from './protobuf.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function open(section: Section | undefined): Uint8Array {
  assert.ok(section)
  assert.equal(section.codec, 'zstd')
  const raw = zstdDecompressSync(section.data)
  assert.equal(raw.length, section.rawLength)
  assert.equal(hex(keccak256(raw)), hex(section.digest))
  return raw
}

test('a frame recorded in schema 1 is read with the generated types alone', () => {
  const frame = fromBinary(FrameSchema, readFileSync(join(import.meta.dirname, 'testdata', 'frame-v1.bin')))
  const transactions = fromBinary(TransactionsSectionSchema, open(frame.transactions))
  const delta = fromBinary(DeltaSectionSchema, open(frame.delta))

  assert.equal(
    hex(keccak256(frame.header)),
    '80ff4bcc419824bd390db2036cec7e10036fb2076e16e77811153b6c073101fb',
  )
  assert.equal(hex(frame.deltaHash), '028edbe91e6a79ef6269563ec05d548e34c6b1e0e29a794e868397aff5f58019')
  assert.equal(frame.sendersClaimed, true)
  const [length = 0] = transactions.lengths
  assert.equal(hex(keccak256(transactions.raw.subarray(0, length))), hex(transactions.hashes.subarray(0, 32)))
  assert.equal(hex(transactions.senders), `${'aa'.repeat(19)}09`)
  assert.equal(hex(delta.accountAddresses), `${'aa'.repeat(19)}01${'aa'.repeat(19)}02`)
  assert.deepEqual([...delta.accountExists], [1, 0])
  assert.equal(hex(delta.slotValues), '02'.padStart(64, '0'))
  assert.equal(frame.withdrawals?.amounts[0], 3n)

  // The delta's hash, as docs/feed.md §3 lays it out.
  const u32 = (...values: number[]): Buffer =>
    Buffer.concat(values.map((value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value])))
  const parts = [
    Buffer.from('drover/delta/1'),
    u32(2, 1, 0, delta.codes.length),
    ...[
      delta.accountAddresses,
      delta.accountExists,
      delta.accountNonces,
      delta.accountBalances,
      delta.accountCodeHashes,
    ],
    ...[delta.slotAddresses, delta.slotKeys, delta.slotValues, delta.cleared, delta.codeHashes],
    u32(...delta.codes.map((code) => code.length)),
    ...delta.codes,
  ]
  assert.equal(hex(keccak256(Buffer.concat(parts))), hex(frame.deltaHash))
})
