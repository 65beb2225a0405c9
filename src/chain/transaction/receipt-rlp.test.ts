import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { keccak256 } from '#core/keccak.ts'
import { concatBytes, equalBytes, toHex, utf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { addToBloom, bloomMayContain, logsBloom, orInto, rememberingHash } from './bloom.ts'
import type { Receipt } from './receipt.ts'
import { decodeReceipt, encodeReceipt } from './receipt-rlp.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { commitToReceipts } from '#chain/block/roots.ts'
import { orderedTrieRoot } from '#chain/trie/trie-root.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
/** With a prototype, as what is decoded has. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>
const log = record({
  address: bytes(20),
  topics: fc.array(bytes(32), { maxLength: 4 }),
  data: fc.uint8Array({ maxLength: 70 }),
})
const receipt: fc.Arbitrary<Receipt> = record({
  type: fc.nat(4),
  outcome: fc.oneof(
    record({ status: fc.constantFrom(0 as const, 1 as const) }),
    record({ stateRoot: bytes(32) }),
  ),
  cumulativeGasUsed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  logs: fc.array(log, { maxLength: 4 }),
})

test('a receipt is read back from its consensus form as it was', () => {
  fc.assert(fc.property(receipt, (made) => assert.deepEqual(decodeReceipt(encodeReceipt(made)), made)))
})

test('root and bloom of a block are those of its receipts one by one', () => {
  fc.assert(
    fc.property(fc.array(receipt, { maxLength: 6 }), (receipts) => {
      const { root, bloom } = commitToReceipts(receipts)
      assert.ok(equalBytes(root, orderedTrieRoot(receipts.map(encodeReceipt))))
      assert.ok(equalBytes(bloom, logsBloom(receipts.flatMap(({ logs }) => logs))))
    }),
    { numRuns: 50 },
  )
})

test('what no receipt of the chain can be is refused', () => {
  const address = new Uint8Array(20)
  const list = decodeRlp(
    encodeReceipt({ type: 0, outcome: { status: 1 }, cumulativeGasUsed: 21_000n, logs: [] }),
  ) as RlpItem[]
  const wrong: Record<string, RlpItem[]> = {
    'a status of 2': list.with(0, Uint8Array.of(2)),
    'a root of 31 bytes': list.with(0, new Uint8Array(31).fill(1)),
    'a bloom of 255 bytes': list.with(2, new Uint8Array(255)),
    'a fifth topic': list.with(3, [
      [address, [1, 2, 3, 4, 5].map(() => new Uint8Array(32)), new Uint8Array(0)],
    ]),
    'a log with a fourth field': list.with(3, [[address, [], new Uint8Array(0), new Uint8Array(0)]]),
    'a fifth field': [...list, new Uint8Array(0)],
  }
  for (const [what, item] of Object.entries(wrong)) {
    assert.throws(
      () => decodeReceipt(encodeRlp(item)),
      (thrown) => faultCode(thrown) === 'chain/malformed',
      what,
    )
  }
  const wrapped = concatBytes(Uint8Array.of(0), encodeRlp(list))
  assert.throws(
    () => decodeReceipt(wrapped),
    (thrown) => faultCode(thrown) === 'chain/malformed',
    'type 0 in an envelope',
  )
})

test('a bloom never denies what was added, and has three bits for it', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 32 }), { minLength: 1, maxLength: 20 }), (values) => {
      const bloom = new Uint8Array(256)
      for (const value of values) addToBloom(bloom, value)
      assert.ok(values.every((value) => bloomMayContain(bloom, value)))
      const bits = bloom.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
      assert.ok(bits >= 1 && bits <= 3 * values.length)
      const both = Uint8Array.from(bloom)
      orInto(both, bloom)
      assert.ok(equalBytes(both, bloom))
    }),
  )
})

test('a known bloom of a hundred texts has its known hash', () => {
  const bloom = new Uint8Array(256)
  for (let i = 0; i < 100; i++) addToBloom(bloom, utf8(`xxxxxxxxxx data ${i} yyyyyyyyyyyyyy`))
  assert.equal(toHex(keccak256(bloom)), '0xc8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263')
})

test('a remembered hash is the hash, whatever was asked before', () => {
  const near = fc.tuple(fc.nat(3), fc.nat(1)).map(([a, b]) => Uint8Array.of(a, b, 7, 7))
  fc.assert(
    fc.property(fc.array(fc.oneof(near, fc.uint8Array({ maxLength: 3 }))), (values) => {
      const hash = rememberingHash()
      for (const value of values) assert.ok(equalBytes(hash(value), keccak256(value)))
    }),
  )
})
