import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import type { BlockHash } from '#chain/block/block-ref.ts'
import type { Header } from '#chain/header/header.ts'
import { anyTransaction } from '#chain/testing/any-transaction.ts'
import { decodeTransaction, encodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import type { Log } from '#chain/transaction/receipt.ts'
import { bigintTo, concatBytes, fromUtf8, toHex } from '#kernel/bytes.ts'
import {
  type Json,
  logJson,
  placeOf,
  quantityOfBytes,
  quantityText,
  receiptJson,
  transactionJson,
} from './encode/encode.ts'
import { JsonBytes } from './encode/json-bytes.ts'
import {
  logPlace,
  type RawLog,
  receiptPlace,
  writeLog,
  writeRawLog,
  writeReceipt,
} from './encode/receipt-bytes.ts'
import { transactionPlace, writeTransaction } from './encode/transaction-bytes.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const uint = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n })

/** As much of a header as these encoders read. */
const anyHeader = fc
  .record({
    hash: bytes(32).map((hash) => toHex(hash) as BlockHash),
    number: fc.nat(),
    timestamp: fc.nat(),
    baseFeePerGas: fc.option(uint(100), { nil: undefined }),
  })
  .map((header) => header as Header)

const anyLog = fc.record({
  address: bytes(20),
  topics: fc.array(bytes(32), { maxLength: 4 }),
  data: fc.uint8Array({ maxLength: 200 }),
})

const anyReceipt = fc.record({
  type: fc.nat(4),
  outcome: fc.oneof(
    fc.record({ status: fc.constantFrom(0 as const, 1 as const) }),
    fc.record({ stateRoot: bytes(32) }),
  ),
  cumulativeGasUsed: uint(64),
  gasUsed: uint(64),
  logs: fc.array(anyLog, { maxLength: 3 }),
  firstLogIndex: fc.nat(1_000),
  contractAddress: fc.option(bytes(20), { nil: undefined }),
})

function written(write: (out: JsonBytes) => void): string {
  const out = new JsonBytes()
  write(out)
  return fromUtf8(out.copy())
}

const text = (value: Json): string => JSON.stringify(value)

test('a transaction of any type is written as its JSON value would be', () => {
  fc.assert(
    fc.property(anyTransaction, anyHeader, bytes(20), fc.nat(1_000), (unencoded, header, sender, index) => {
      const transaction = decodeTransaction(encodeTransaction(unencoded))
      const { raw, hash } = transaction
      assert.equal(
        written((out) => writeTransaction(out, transactionPlace(header), { raw, hash, sender, index })),
        text(transactionJson(transaction, sender, header, index)),
      )
    }),
    { numRuns: 500 },
  )
})

test('a log is written as its JSON value would be', () => {
  fc.assert(
    fc.property(
      anyLog,
      anyHeader,
      bytes(32),
      fc.nat(300),
      fc.nat(3_000),
      (log, header, hash, index, logIndex) => {
        const at = { transactionHash: hash, transactionIndex: index, logIndex }
        const expected = text(logJson(log, placeOf(header), toHex(hash), index, logIndex))
        assert.equal(
          written((out) => writeLog(out, logPlace(header), log, at)),
          expected,
        )
        assert.equal(
          written((out) => writeRawLog(out, logPlace(header), inARow(log), at)),
          expected,
        )
      },
    ),
  )
})

/** Among other bytes, as a row has it. */
function inARow({ address, topics, data }: Log): RawLog {
  const before = new Uint8Array(7).fill(1)
  const bytes = concatBytes(before, address, ...topics, data, before)
  const [addressAt, topicsAt, dataAt] = [7, 27, 27 + 32 * topics.length]
  const places = { addressAt, topicsAt, dataAt, dataTo: dataAt + data.length }
  return { bytes, topicCount: topics.length, ...places }
}

test('a receipt of any transaction is written as its JSON value would be', () => {
  const more = fc.record({
    sender: bytes(20),
    index: fc.nat(300),
    blobGasPrice: fc.option(uint(60), { nil: undefined }),
  })
  fc.assert(
    fc.property(anyTransaction, anyHeader, anyReceipt, more, (unencoded, header, found, rest) => {
      const transaction = decodeTransaction(encodeTransaction(unencoded))
      const { contractAddress, ...always } = found
      const receipt = contractAddress === undefined ? always : { ...always, contractAddress }
      const { raw, hash } = transaction
      assert.equal(
        written((out) => writeReceipt(out, receiptPlace(header), { raw, hash, receipt, ...rest })),
        text(receiptJson({ header, transaction, receipt, ...rest })),
      )
    }),
    { numRuns: 300 },
  )
})

test('a quantity has no leading zeros, and zero is 0x0', () => {
  fc.assert(
    fc.property(uint(256), (value) => {
      const expected = `"${quantityText(value)}"`
      assert.equal(
        written((out) => out.quantity(bigintTo(value, 32))),
        expected,
      )
      assert.equal(
        written((out) => out.integer(value)),
        expected,
      )
      assert.equal(quantityOfBytes(bigintTo(value, 40), 8, 40), quantityText(value))
    }),
  )
  assert.equal(
    written((out) => out.quantity(new Uint8Array())),
    '"0x0"',
  )
})
