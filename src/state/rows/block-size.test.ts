import '#test/support/core.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRlp, encodeRlp } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import type { Block } from '#chain/block/frame.ts'
import { blockSize } from './block-size.ts'
import { createChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'

test('the size of a block is that of its RLP, around every length at which a prefix grows', () => {
  const { block } = createChainBuilder().next({ logs: [[], []] })
  const withdrawal = { index: 300n, validatorIndex: 0n, address: makeAddress(1), amount: 2n ** 40n }
  for (const typedBytes of [0, 1, 54, 55, 56, 255, 256, 257, 65_535, 65_536, 70_000]) {
    const [transaction] = block.transactions
    assert.ok(transaction !== undefined)
    const raw = new Uint8Array(typedBytes + 2).fill(2)
    const transactions = [transaction, { ...transaction, type: 2, raw } as typeof transaction]
    const sized: Block = { ...block, transactions, ommers: [block.header], withdrawals: [withdrawal] }
    const raws = { transactions: transactions.map((one) => one.raw) }
    assert.equal(blockSize({ ...sized, ...raws }), encodeBlock(sized).length)
    const { withdrawals: _, ...before } = sized
    assert.equal(blockSize({ ...before, ...raws }), encodeBlock(before).length)
  }
})

function encodeBlock(block: Block): Uint8Array {
  const lists = [
    decodeRlp(block.header.rlp),
    block.transactions.map(({ type, raw }) => (type === 0 ? decodeRlp(raw) : raw)),
    block.ommers.map(({ rlp }) => decodeRlp(rlp)),
  ]
  const withdrawals = block.withdrawals?.map((each) => [
    rlpOf(each.index),
    rlpOf(each.validatorIndex),
    each.address,
    rlpOf(each.amount),
  ])
  return encodeRlp(withdrawals === undefined ? lists : [...lists, withdrawals])
}
