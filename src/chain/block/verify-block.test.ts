import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { keccak256 } from '#core/keccak.ts'
import { fromHex, toHex } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import type { BlockHash } from './block-ref.ts'
import { blockFromRlp, blockSize, encodeBlock } from './block-rlp.ts'
import type { Block, Withdrawal } from './frame.ts'
import type { Header } from '#chain/header/header.ts'
import { headerFromFields, type HeaderFields } from '#chain/header/header-rlp.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { commitToReceipts, ommersHash, requestsHash, transactionsRoot, withdrawalsRoot } from './roots.ts'
import { decodeTransaction, encodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { blockDifference, executionDifference } from './verify-block.ts'

const address = new Uint8Array(20).fill(5)
const withdrawals: Withdrawal[] = [{ index: 1n, validatorIndex: 2n, address, amount: 3n }]
const signed = { nonce: 0n, gasLimit: 21_000n, value: 1n, data: new Uint8Array(0), r: 1n, s: 1n }
const legacy = decodeTransaction(encodeTransaction({ type: 0, ...signed, gasPrice: 1n, to: address, v: 27n }))
const blob = decodeTransaction(
  encodeTransaction({
    type: 3, ...signed, chainId: 1n, maxPriorityFeePerGas: 1n, maxFeePerGas: 1n, to: address, accessList: [], maxFeePerBlobGas: 1n,
    blobVersionedHashes: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)], v: 1n,
  }), // biome-ignore format: one table
)
const receipts: Receipt[] = [
  { type: 0, outcome: { status: 1 }, cumulativeGasUsed: 21_000n, logs: [] },
  {
    type: 3,
    outcome: { status: 1 },
    cumulativeGasUsed: 50_000n,
    logs: [{ address, topics: [], data: new Uint8Array(3) }],
  },
]
const requests = [Uint8Array.of(0, 7), Uint8Array.of(1), Uint8Array.of(2, 9, 9)]
const ommers: Header[] = []
const transactions = [legacy, blob]

const FIELDS: HeaderFields = {
  parentHash: `0x${'01'.repeat(32)}` as BlockHash, ommersHash: ommersHash(ommers), beneficiary: address, stateRoot: new Uint8Array(32),
  transactionsRoot: transactionsRoot(transactions), receiptsRoot: commitToReceipts(receipts).root, logsBloom: commitToReceipts(receipts).bloom,
  difficulty: 0n, number: 9, gasLimit: 100_000n, gasUsed: 50_000n, timestamp: 9, extraData: new Uint8Array(0), mixHash: new Uint8Array(32),
  nonce: new Uint8Array(8), baseFeePerGas: 1n, withdrawalsRoot: withdrawalsRoot(withdrawals), blobGasUsed: 262_144n, excessBlobGas: 0n,
  parentBeaconBlockRoot: new Uint8Array(32), requestsHash: requestsHash(requests),
} // biome-ignore format: one table

const block = (fields: Partial<HeaderFields> = {}): Block => ({
  header: headerFromFields({ ...FIELDS, ...fields }),
  transactions,
  senders: [address, address],
  ommers,
  withdrawals,
})

const executed = { receipts, requests, gasUsed: receipts.at(-1)?.cumulativeGasUsed ?? 0n }

test('a block that holds what its header commits to differs in nothing', () => {
  assert.equal(blockDifference(block()), undefined)
  assert.equal(executionDifference(block(), executed), undefined)
})

test('the field that differs is named, with both values', () => {
  const other = new Uint8Array(32).fill(9)
  for (const field of ['transactionsRoot', 'ommersHash', 'withdrawalsRoot'] as const) {
    const difference = blockDifference(block({ [field]: other }))
    assert.deepEqual(difference, { field, expected: toHex(other), computed: toHex(FIELDS[field] ?? other) })
  }
  assert.deepEqual(blockDifference(block({ blobGasUsed: 131_072n })), {
    field: 'blobGasUsed',
    expected: '131072',
    computed: '262144',
  })
  for (const field of ['receiptsRoot', 'requestsHash'] as const) {
    const difference = executionDifference(block({ [field]: other }), executed)
    assert.deepEqual(difference, { field, expected: toHex(other), computed: toHex(FIELDS[field] ?? other) })
  }
  const listed = block({ blockAccessListHash: keccak256(Uint8Array.of(0xc0)) })
  assert.equal(executionDifference(listed, { ...executed, accessList: Uint8Array.of(0xc0) }), undefined)
  const touched = { ...executed, accessList: Uint8Array.of(0xc1, 0x80) }
  assert.equal(executionDifference(listed, touched)?.field, 'blockAccessListHash')
  assert.equal(executionDifference(listed, executed)?.computed, 'none')
  assert.equal(executionDifference(block({ gasUsed: 49_999n }), executed)?.field, 'gasUsed')
  assert.equal(executionDifference(block({ logsBloom: new Uint8Array(256) }), executed)?.field, 'logsBloom')
})

test('what is there on one side only differs', () => {
  const { withdrawals: _, ...without } = block()
  assert.equal(blockDifference(without)?.computed, 'none')
  assert.equal(executionDifference(block(), { ...executed, requests: undefined })?.computed, 'none')
  const { requestsHash: __, ...cancun } = FIELDS
  const older = { ...block(), header: headerFromFields(cancun) }
  assert.equal(executionDifference(older, executed)?.expected, 'none')
})

test('the requests hash leaves out requests without data (EIP-7685)', () => {
  const empty = fromHex('0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  assert.deepEqual(requestsHash([Uint8Array.of(0), Uint8Array.of(1)]), empty)
})

test('a block is read back from its bytes as it was, and its size is theirs', () => {
  const { senders: _, ...made } = block()
  const rlp = encodeBlock(made)
  assert.deepEqual(blockFromRlp(decodeRlp(rlp)), made)
  assert.equal(blockSize(made), rlp.length)
})

test('each part of a block has one form', () => {
  const { senders: _, ...made } = block()
  const parts = decodeRlp(encodeBlock(made)) as RlpItem[]
  const [header, items, , credits] = parts as [RlpItem[], RlpItem[], RlpItem[], RlpItem[][]]
  const wrong: Record<string, RlpItem[]> = {
    'a legacy transaction in an envelope': parts.with(1, items.with(0, encodeRlp(items[0] as RlpItem))),
    'a typed transaction as a list': parts.with(
      1,
      items.with(1, decodeRlp((items[1] as Uint8Array).subarray(1))),
    ),
    'a withdrawal with a fifth field': parts.with(3, [[...(credits[0] ?? []), new Uint8Array(0)]]),
    'a fifth part': [...parts, []],
    'no ommers': [header, items],
    'a header of bytes': parts.with(0, new Uint8Array(3)),
  }
  for (const [what, item] of Object.entries(wrong)) {
    assert.throws(
      () => blockFromRlp(item),
      (thrown) => faultCode(thrown) === 'chain/malformed',
      what,
    )
  }
})
