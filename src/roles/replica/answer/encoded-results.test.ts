/** Blocks, receipts, transactions and logs are written as bytes and kept; their slow twins make objects of the same rows. */
import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import type { Frame } from '#chain/block/frame.ts'
import { fromUtf8, joinParts, toHex, utf8 } from '#kernel/bytes.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { blockJson, type Json, logJson, placeOf, receiptJson, transactionJson } from '#rpc/encode/encode.ts'
import { openStore } from '#state/open-store.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { createChainBuilder, makeAddress, type NextBlock } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { createAnswerer } from './answerer.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'

const CONTRACT = makeAddress(0xc0)
/** 70 transactions (their hashes take more than one row), each with as many logs as its index has units. */
const BUSY: NextBlock = {
  logs: Array.from({ length: 70 }, (_, i) =>
    Array.from({ length: i % 4 }, (_, j) => ({
      address: CONTRACT,
      topics: [new Uint8Array(32).fill(i), new Uint8Array(32).fill(j)],
      data: new Uint8Array(40 * j).fill(7),
    })),
  ),
  withdrawals: [{ index: 1n, validatorIndex: 2n, address: CONTRACT, amount: 3n }],
}

function replica(cacheBytes: number) {
  const chain = createChainBuilder()
  const store = openStore(memoryKeyValue(), { compress: stored })
  store.initialise(chain.identity, chain.genesis)
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  board.setReady()
  const meter = createMeterRegistry()
  const answerer = createAnswerer(
    { clientVersion: '', serve: 'eager', callGasMax: 1, callTimeMaxMs: 5_000, cacheBytes },
    {
      ...{ store, board, meter, config: chain.genesis.config, clock: createVirtualClock(), log: silent },
      onceMoved: () => {},
    },
  )
  const ask = async (method: string, ...params: unknown[]): Promise<string> => {
    const body = utf8(JSON.stringify({ jsonrpc: '2.0', id: 9_007_199_254_740_000, method, params }))
    const answer = await answerer.answer(body, { signal: new AbortController().signal })
    assert.ok('items' in answer)
    const [item] = answer.items
    if (item?.kind === 'answered') return item.json
    assert.equal(item?.kind, 'encoded')
    const text = fromUtf8(joinParts(item.parts))
    answer.free?.()
    return text
  }
  const look = <T>(read: (snapshot: Snapshot) => T): T => {
    const snapshot = store.snapshot()
    try {
      return read(snapshot)
    } finally {
      snapshot.release()
    }
  }
  return { ask, chain, look, meter, store }
}

const response = (result: Json): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 9_007_199_254_740_000, result })

for (const cacheBytes of [0, 10_000_000]) {
  test(`with ${cacheBytes} bytes to keep them in, results are those of the slow encoders`, async () => {
    const { ask, chain, look, store } = replica(cacheBytes)
    const ommer = chain.next({ extra: 'ommer' }).block.header
    const frame = chain.next({ ...BUSY, parent: chain.genesis, ommers: [ommer] })
    store.commit((writer) => writer.apply(frame))
    const { header, transactions, senders } = frame.block
    const block = look((snapshot) => snapshot.block(1))
    const receipts = look((snapshot) => snapshot.receipts(1))
    assert.ok(block !== undefined && receipts !== undefined)
    const receiptJsons = transactions.map((transaction, index) =>
      receiptJson({
        ...{ header, transaction, index, blobGasPrice: undefined },
        sender: senders[index] as Uint8Array,
        receipt: receipts[index] as NonNullable<(typeof receipts)[number]>,
      }),
    )
    for (const _ of ['made', 'kept']) {
      assert.equal(await ask('eth_getBlockByNumber', '0x1', true), response(blockJson(block, 'full')))
      assert.equal(await ask('eth_getBlockByHash', header.hash, false), response(blockJson(block, 'hashes')))
      assert.equal(await ask('eth_getBlockReceipts', '0x1'), response(receiptJsons))
      for (const index of [0, 1, 58, 69]) {
        const hash = toHex(transactions[index]?.hash as Uint8Array)
        assert.equal(await ask('eth_getTransactionReceipt', hash), response(receiptJsons[index] as Json))
        const [transaction, sender] = [transactions[index], senders[index]]
        assert.ok(transaction !== undefined && sender !== undefined)
        assert.equal(
          await ask('eth_getTransactionByHash', hash),
          response(transactionJson(transaction, sender, header, index)),
        )
      }
      const logs: Json[] = receipts.flatMap((receipt, index) =>
        receipt.logs.map((log, i) =>
          logJson(
            log,
            placeOf(header),
            toHex(transactions[index]?.hash as Uint8Array),
            index,
            receipt.firstLogIndex + i,
          ),
        ),
      )
      assert.ok(logs.length > 100)
      assert.equal(await ask('eth_getLogs', { address: toHex(CONTRACT), fromBlock: '0x1' }), response(logs))
    }
  })
}

test('after a reorganisation a number has its new block, and the old block is known no more', async () => {
  const { ask, chain, look, meter, store } = replica(10_000_000)
  const old = chain.next(BUSY)
  store.commit((writer) => writer.apply(old))
  const before = await ask('eth_getBlockByNumber', '0x1', true)
  const receiptsBefore = await ask('eth_getBlockReceipts', '0x1')
  const other: Frame = chain.next({ ...BUSY, parent: chain.genesis, extra: 'other' })
  store.commit((writer) => {
    writer.undo()
    writer.apply(other)
  })
  const block = look((snapshot) => snapshot.block(1))
  assert.ok(block !== undefined)
  const after = await ask('eth_getBlockByNumber', '0x1', true)
  assert.equal(after, response(blockJson(block, 'full')))
  assert.notEqual(after, before)
  assert.notEqual(await ask('eth_getBlockReceipts', '0x1'), receiptsBefore)
  assert.equal(await ask('eth_getBlockByHash', old.block.header.hash, true), response(null))
  assert.match(meter.render(), /cache_lookups_total\{outcome="made"\} 4\n/)
})
