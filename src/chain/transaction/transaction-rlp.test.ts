import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { concatBytes, equalBytes, fromHex, toHex } from '#kernel/bytes.ts'
import { Fault, faultCode } from '#kernel/fault.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import { createdAddress, recoverSender } from './sender.ts'
import { anyTransaction } from '#chain/testing/any-transaction.ts'
import {
  decodeTransaction,
  encodeTransaction,
  signingHash,
  type Unencoded,
  yParityOf,
} from './transaction-rlp.ts'

/** The example of EIP-155. */
const EIP155 = fromHex(
  '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
)
const SENDER = '0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f'
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const code = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (thrown) {
    return faultCode(thrown) ?? String(thrown)
  }
  return 'nothing was thrown'
}

test('a transaction of any type is read back from its bytes as it was', () => {
  fc.assert(
    fc.property(anyTransaction, (unencoded) => {
      const raw = encodeTransaction(unencoded)
      const { raw: kept, hash, ...fields } = decodeTransaction(raw)
      assert.ok(equalBytes(kept, raw))
      assert.equal(hash.length, 32)
      assert.deepEqual(fields, unencoded)
    }),
    { numRuns: 300 },
  )
})

test('the example of EIP-155 is signed over its hash by its sender', () => {
  const transaction = decodeTransaction(EIP155)
  assert.equal(transaction.type === 0 && transaction.chainId, 1n)
  assert.equal(
    toHex(signingHash(transaction)),
    '0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53',
  )
  assert.equal(toHex(recoverSender(transaction) ?? assert.fail('a sender')), SENDER)
})

test('the other form of a signature is one only under the rules of Frontier (EIP-2)', () => {
  const transaction = decodeTransaction(EIP155)
  const other = { ...transaction, s: ORDER - transaction.s, v: transaction.v ^ 3n }
  assert.equal(yParityOf(other), 1 - yParityOf(transaction))
  assert.equal(recoverSender(other), undefined)
  assert.equal(recoverSender(other, 'homestead'), undefined)
  assert.equal(toHex(recoverSender(other, 'frontier') ?? assert.fail('a sender')), SENDER)
})

test('nobody signs with an r or s of zero or beyond the order of the curve', () => {
  const transaction = decodeTransaction(EIP155)
  for (const wrong of [{ r: 0n }, { s: 0n }, { r: ORDER }, { s: ORDER }]) {
    assert.equal(recoverSender({ ...transaction, ...wrong }, 'frontier'), undefined)
  }
})

test('a v that holds no parity is refused', () => {
  const list = decodeRlp(EIP155) as RlpItem[]
  for (const v of [0n, 1n, 26n, 29n, 34n]) {
    assert.equal(
      code(() => decodeTransaction(encodeRlp(list.with(6, rlpOf(v))))),
      'chain/malformed',
      `v ${v}`,
    )
  }
})

test('types that Ethereum does not have are refused by name', () => {
  for (const type of [5, 0x7e, 0x7f]) {
    assert.throws(
      () => decodeTransaction(Uint8Array.of(type, 0xc0)),
      (thrown) =>
        thrown instanceof Fault &&
        thrown.code === 'chain/unknown-transaction-type' &&
        thrown.detail['type'] === type,
    )
  }
  for (const raw of ['0x', '0x00c0', '0x80', '0xb8'])
    assert.equal(
      code(() => decodeTransaction(fromHex(raw))),
      'chain/malformed',
      raw,
    )
})

test('a blob transaction with its sidecar is refused by name', () => {
  const blob: Unencoded = {
    type: 3, chainId: 1n, nonce: 0n, maxPriorityFeePerGas: 1n, maxFeePerGas: 1n, gasLimit: 21_000n, to: new Uint8Array(20), value: 0n,
    data: new Uint8Array(0), accessList: [], maxFeePerBlobGas: 1n, blobVersionedHashes: [], v: 0n, r: 1n, s: 1n,
  } // biome-ignore format: one table
  const signed = decodeRlp(encodeTransaction(blob).subarray(1))
  const network = concatBytes(Uint8Array.of(3), encodeRlp([signed, [], [], []]))
  assert.throws(() => decodeTransaction(network), /network form, with a sidecar/)
})

test('a field too many, too few, or of another length is refused', () => {
  const list = decodeRlp(EIP155) as RlpItem[]
  const wrong = {
    'a tenth field': [...list, Uint8Array.of(1)],
    'eight fields': list.slice(0, 8),
    'a recipient of 19 bytes': list.with(3, new Uint8Array(19)),
    'a nonce with a leading zero': list.with(0, Uint8Array.of(0, 9)),
    'a nonce over 64 bits': list.with(0, new Uint8Array(9).fill(1)),
    'a list as data': list.with(5, []),
  }
  for (const [what, item] of Object.entries(wrong)) {
    assert.equal(
      code(() => decodeTransaction(encodeRlp(item))),
      'chain/malformed',
      what,
    )
  }
})

test('a contract has the address that its creator and nonce give', () => {
  const creator = fromHex('0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0')
  assert.equal(toHex(createdAddress(creator, 0n)), '0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d')
  assert.equal(toHex(createdAddress(creator, 1n)), '0x343c43a37d37dff08ae8c4a11544c718abb4fcf8')
})
