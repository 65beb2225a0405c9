import '#test/support/core.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { faultCode } from '#kernel/fault.ts'
import { type KeyValue, TABLES } from '#ports/storage/key-value.ts'
import { utf8 } from '#kernel/bytes.ts'
import { openStore } from './open-store.ts'
import type { Store } from './store.ts'
import { comparable, dumpTables } from './testing/dump.ts'
import { createChainBuilder, makeAddress } from './testing/frame-builder.ts'
import { memoryKeyValue } from './testing/memory-key-value.ts'
import { command, type Outcome, runAgainstModel } from './testing/state-model.ts'
import { stored } from './testing/stored.ts'

const open = (kv: KeyValue): Store => openStore(kv, { compress: stored })

test('whatever is applied, undone, pruned, failed and reopened, every block within the horizon reads as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 14 }), async (commands) => {
      const kv = memoryKeyValue()
      const subject = { open: () => open(kv), close: () => Promise.resolve() }
      const outcome = await runAgainstModel(subject, commands)
      assert.deepEqual(comparable(dumpTables(kv)), comparable(dumpTables(builtDirectly(outcome))))
    }),
    { numRuns: 150 },
  )
})

/** A store that only ever saw the blocks that are left. */
function builtDirectly({ frames, genesis, identity, historyFrom }: Outcome): KeyValue {
  const kv = memoryKeyValue()
  const store = open(kv)
  store.initialise(identity, genesis)
  for (const frame of frames) store.commit((writer) => writer.apply(frame))
  store.commit((writer) => assert.ok(writer.pruneHistory(historyFrom, 1_000_000)))
  return kv
}

test('a reorg is one commit: readers see the old branch or the new one', () => {
  const { store, builder } = started()
  const [a1, a2] = [builder.next({ extra: 'a' }), builder.next({ extra: 'a' })]
  const b1 = builder.next({ parent: builder.genesis, extra: 'b' })
  store.commit((writer) => {
    writer.apply(a1)
    writer.apply(a2)
  })
  const before = store.snapshot()
  store.commit((writer) => {
    assert.deepEqual(writer.undo(), a2)
    assert.deepEqual(writer.undo(), a1)
    writer.apply(b1)
    assert.equal(writer.head().hash, b1.block.header.hash)
  })
  const after = store.snapshot()
  assert.equal(before.heads.head.hash, a2.block.header.hash)
  assert.equal(before.hashAt(1), a1.block.header.hash)
  assert.equal(after.heads.head.hash, b1.block.header.hash)
  assert.equal(after.hashAt(2), undefined)
  assert.equal(after.numberOf(a1.block.header.hash), undefined)
  assert.equal(after.sequence, before.sequence + 1)
  before.release()
  after.release()
})

test('marks, machine and side frames of any size are read back, and go with their commit', () => {
  const { store, builder } = started()
  const first = builder.next()
  const ref = { number: 1, hash: first.block.header.hash }
  const large = new Uint8Array(10_000).fill(7)
  store.commit((writer) => {
    writer.apply(first)
    writer.setMarks({ safe: ref, finalized: ref, verified: ref })
    writer.setMachine(42, large)
    writer.putSide(utf8('a'), large)
    writer.putSide(utf8('a\0'), utf8('other'))
  })
  const snapshot = store.snapshot()
  assert.deepEqual(snapshot.heads, { head: ref, safe: ref, finalized: ref, verified: ref })
  assert.equal(snapshot.position, 42)
  assert.deepEqual(snapshot.machine(), large)
  assert.deepEqual(snapshot.side(utf8('a')), large)
  assert.deepEqual(snapshot.side(utf8('a\0')), utf8('other'))
  snapshot.release()
  store.commit((writer) => {
    writer.setMachine(43, utf8('small'))
    writer.removeSide(utf8('a'))
    assert.equal(writer.side(utf8('a')), undefined)
    assert.deepEqual(writer.side(utf8('a\0')), utf8('other'))
  })
  const later = store.snapshot()
  assert.deepEqual(later.machine(), utf8('small'))
  assert.equal(later.side(utf8('a')), undefined)
  later.release()
})

test('a receipt tells its own gas, its first log and the contract that it made', () => {
  const { store, builder } = started()
  const log = { address: makeAddress(1), topics: [], data: utf8('x') }
  store.commit((writer) => writer.apply(builder.next({ logs: [[log, log], [], [log]] })))
  const snapshot = store.snapshot()
  const receipts = snapshot.receipts(1) ?? []
  assert.deepEqual(
    receipts.map(({ gasUsed, firstLogIndex, logs }) => ({ gasUsed, firstLogIndex, logs: logs.length })),
    [
      { gasUsed: 21_000n, firstLogIndex: 0, logs: 2 },
      { gasUsed: 21_000n, firstLogIndex: 2, logs: 0 },
      { gasUsed: 21_000n, firstLogIndex: 2, logs: 1 },
    ],
  )
  assert.equal(receipts[0]?.contractAddress?.length, 20)
  assert.equal(receipts[1]?.contractAddress, undefined)
  assert.equal(snapshot.transactionHashes(1)?.length, 3)
  snapshot.release()
})

test('a receipt read alone is the one that reading all of them gives, however long its logs', () => {
  const { store, builder } = started()
  const log = (bytes: number, topics: number) => ({
    address: makeAddress(bytes),
    topics: Array.from({ length: topics }, (_, i) => new Uint8Array(32).fill(i + topics)),
    data: Uint8Array.from({ length: bytes }, (_, i) => i),
  })
  const logs = [
    [log(0, 0), log(7_000, 4)],
    [],
    [log(1_888 - 25, 0), log(1_888 - 57, 1), log(64, 3)],
    [log(9, 2)],
  ]
  store.commit((writer) => writer.apply(builder.next({ logs })))
  const snapshot = store.snapshot()
  const all = snapshot.receipts(1) ?? []
  assert.deepEqual(
    all.map((receipt) => receipt.logs),
    logs,
  )
  const list = snapshot.receiptList(1)
  assert.ok(list)
  for (const [index, receipt] of all.entries()) assert.deepEqual(snapshot.receipt(1, index, list), receipt)
  assert.equal(snapshot.receipt(1, all.length, list), undefined)
  const place = snapshot.logPlace(1)
  assert.equal(place?.hash, snapshot.hashAt(1))
  assert.equal(place?.timestamp, snapshot.header(1)?.timestamp)
  assert.deepEqual(
    all.map((_, i) => place?.transactionHash(i)),
    snapshot.transactionHashes(1),
  )
  snapshot.release()
})

test('two transactions whose hashes begin alike are told apart, and each goes with its own block', () => {
  const { store, builder } = started()
  const [first, second] = [builder.next({ logs: [[]] }), builder.next({ logs: [[]] })]
  const firstHash = first.block.transactions[0]?.hash ?? new Uint8Array()
  const hash = firstHash.slice()
  hash[31] = (hash[31] as number) ^ 1
  const [transaction] = second.block.transactions
  const alike = {
    ...second,
    block: { ...second.block, transactions: [{ ...transaction, hash }] },
  } as typeof second
  store.commit((writer) => {
    writer.apply(first)
    writer.apply(alike)
  })
  const snapshot = store.snapshot()
  assert.deepEqual(snapshot.transaction(firstHash), {
    number: 1,
    index: 0,
  })
  assert.deepEqual(snapshot.transaction(hash), { number: 2, index: 0 })
  snapshot.release()
  store.commit((writer) => void writer.undo())
  const later = store.snapshot()
  assert.deepEqual(later.transaction(firstHash), {
    number: 1,
    index: 0,
  })
  assert.equal(later.transaction(hash), undefined)
  later.release()
})

test('a store of something else is refused by naming both, the same one is opened again', () => {
  const { store, builder, kv } = started()
  open(kv).initialise(builder.identity, builder.genesis)
  assert.deepEqual(store.identity(), builder.identity)
  const others = [{ cluster: 'other' }, { chainId: 1n }, { generation: 2 }, { feed: 'other' }]
  for (const other of others) {
    assert.throws(
      () => store.initialise({ ...builder.identity, ...other }, builder.genesis),
      (thrown) => faultCode(thrown) === 'store/foreign',
    )
  }
})

test('a store of another schema is refused when it is opened', () => {
  const { kv } = started()
  kv.write((tx) => tx.put('meta', Uint8Array.of(...utf8('identity'), 0, 0), utf8('{"schema":999}')))
  assert.throws(
    () => open(kv),
    (thrown) => faultCode(thrown) === 'store/schema',
  )
})

test('a genesis of which only a part was written is written again as a whole', () => {
  const account = (n: number) => ({
    address: makeAddress(n),
    after: { nonce: 0n, balance: BigInt(n), codeHash: new Uint8Array(32).fill(1) },
  })
  const builder = createChainBuilder({ accounts: Array.from({ length: 30_100 }, (_, i) => account(i)) })
  const whole = memoryKeyValue()
  open(whole).initialise(builder.identity, builder.genesis)
  const kv = memoryKeyValue()
  let writes = 0
  const dying: KeyValue = {
    ...kv,
    write: (change) => {
      if (++writes > 2 + TABLES.length) throw new Error('killed')
      return kv.write(change)
    },
  }
  assert.throws(() => open(dying).initialise(builder.identity, builder.genesis), /killed/)
  const store = open(kv)
  assert.equal(store.identity(), undefined)
  assert.ok(dumpTables(kv).accounts.length > 0)
  store.initialise(builder.identity, builder.genesis)
  assert.deepEqual(dumpTables(kv), dumpTables(whole))
})

function started(): { store: Store; kv: KeyValue; builder: ReturnType<typeof createChainBuilder> } {
  const builder = createChainBuilder()
  const kv = memoryKeyValue()
  const store = open(kv)
  store.initialise(builder.identity, builder.genesis)
  return { store, kv, builder }
}
