import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { fromHex, toHex } from '#kernel/bytes.ts'
import { Fault, faultCode } from '#kernel/fault.ts'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { headerFromJson } from './header-json.ts'
import { headerFromFields, headerFromRlp, type HeaderFields, timestampIn } from './header-rlp.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { ommersHash } from '#chain/block/roots.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'

/** Mainnet's first block. */
const MAINNET: HeaderFields = {
  parentHash: `0x${'00'.repeat(32)}` as BlockHash,
  ommersHash: fromHex('0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'),
  beneficiary: new Uint8Array(20),
  stateRoot: fromHex('0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544'),
  transactionsRoot: fromHex(EMPTY_TRIE_ROOT),
  receiptsRoot: fromHex(EMPTY_TRIE_ROOT),
  logsBloom: new Uint8Array(256),
  difficulty: 17_179_869_184n,
  number: 0,
  gasLimit: 5_000n,
  gasUsed: 0n,
  timestamp: 0,
  extraData: fromHex('0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa'),
  mixHash: new Uint8Array(32),
  nonce: fromHex('0x0000000000000042'),
}
const MAINNET_HASH: string = '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3'

const LATER = {
  baseFeePerGas: 7n,
  withdrawalsRoot: fromHex(EMPTY_TRIE_ROOT),
  blobGasUsed: 0n,
  excessBlobGas: 131_072n,
  parentBeaconBlockRoot: new Uint8Array(32).fill(1),
  requestsHash: new Uint8Array(32).fill(2),
  blockAccessListHash: new Uint8Array(32).fill(3),
  slotNumber: 12n,
} as const

/** As eth_getBlockByHash writes it. */
function asJson(fields: HeaderFields, hash: string): Record<string, unknown> {
  const names: Record<string, string> = { ommersHash: 'sha3Uncles', beneficiary: 'miner' }
  const entries = Object.entries(fields).map(([name, value]) => [
    names[name] ?? name,
    value instanceof Uint8Array
      ? toHex(value)
      : typeof value === 'string'
        ? value
        : `0x${value.toString(16)}`,
  ])
  return { ...Object.fromEntries(entries), hash, size: '0x21c', transactions: [], uncles: [] }
}

const refusedAs = (code: string) => (thrown: unknown) => faultCode(thrown) === code

test('a timestamp is found in the bytes of a header, whatever the length of what stands before it', () => {
  for (const timestamp of [0, 1, 127, 128, 255, 256, 1_700_000_000, 2 ** 40])
    for (const more of [
      {},
      { gasLimit: 2n ** 63n, gasUsed: 127n, number: 2 ** 50, difficulty: 2n ** 200n },
    ]) {
      const { rlp } = headerFromFields({ ...MAINNET, ...more, timestamp })
      assert.equal(timestampIn(rlp), timestamp)
    }
})

test('mainnet’s first header has its hash', () => {
  assert.equal(headerFromFields(MAINNET).hash, MAINNET_HASH)
  assert.deepEqual(ommersHash([]), MAINNET.ommersHash)
})

test('a header with the fields of any fork is read back from its bytes and from JSON', () => {
  const names = Object.keys(LATER) as (keyof typeof LATER)[]
  for (let count = 0; count <= names.length; count++) {
    const fields = {
      ...MAINNET,
      ...Object.fromEntries(names.slice(0, count).map((name) => [name, LATER[name]])),
    }
    const header = headerFromFields(fields)
    const { hash, rlp, ...read } = headerFromRlp(header.rlp)
    assert.deepEqual(read, fields)
    assert.equal(hash, header.hash)
    assert.deepEqual(headerFromJson(asJson(fields, hash)), header)
    assert.equal(count === 0, hash === MAINNET_HASH)
    assert.equal(rlp.length, header.rlp.length)
  }
})

test('a header with a later field but not one before it is refused', () => {
  assert.throws(() => headerFromFields({ ...MAINNET, blobGasUsed: 0n }), refusedAs('chain/malformed'))
})

test('a header that hashes to something else is refused, and what is strange in it named', () => {
  const json = { ...asJson(MAINNET, MAINNET_HASH), gasUsed: '0x1', l1BlockNumber: '0x2', sendRoot: '0x' }
  assert.throws(
    () => headerFromJson(json),
    (thrown) =>
      thrown instanceof Fault &&
      thrown.code === 'chain/header-mismatch' &&
      /\(l1BlockNumber, sendRoot\)/.test(thrown.message),
  )
  assert.throws(
    () => headerFromJson(asJson(MAINNET, MAINNET_HASH.replace('d4', 'd5'))),
    refusedAs('chain/header-mismatch'),
  )
})

test('JSON that is no header is refused with the field', () => {
  const wrong: Record<string, unknown> = {
    number: null, gasLimit: '21000g', difficulty: `0x${'f'.repeat(65)}`, timestamp: '0x20000000000000', logsBloom: '0x00', miner: '0x1',
    parentHash: undefined, gasUsed: -1, nonce: {},
  } // biome-ignore format: one table
  for (const [field, value] of Object.entries(wrong)) {
    assert.throws(
      () => headerFromJson({ ...asJson(MAINNET, MAINNET_HASH), [field]: value }),
      (thrown) =>
        thrown instanceof Fault && thrown.code === 'chain/malformed' && thrown.detail['field'] === field,
      field,
    )
  }
  for (const value of [null, [], 'block', 7])
    assert.throws(() => headerFromJson(value), refusedAs('chain/malformed'))
})

test('bytes that are no header are refused', () => {
  const list = decodeRlp(headerFromFields({ ...MAINNET, ...LATER }).rlp) as RlpItem[]
  const wrong: RlpItem[] = [
    list.slice(0, 14),
    [...list, new Uint8Array(0)],
    list.with(0, new Uint8Array(31)),
    list.with(8, new Uint8Array(8).fill(255)),
    list.with(12, new Uint8Array(4_097)),
    list.with(17, new Uint8Array(9).fill(1)),
    new Uint8Array(60),
  ]
  for (const item of wrong) assert.throws(() => headerFromRlp(encodeRlp(item)), refusedAs('chain/malformed'))
})
