import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import type { Frame } from '#chain/block/frame.ts'
import type { Log } from '#chain/transaction/receipt.ts'
import { equalBytes, fromUtf8, toHex } from '#kernel/bytes.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { openStore } from '#state/open-store.ts'
import type { Store } from '#state/store.ts'
import { dumpTables } from '#state/testing/dump.ts'
import { type ChainBuilder, createChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { logMethods } from './logs.ts'
import { createResultCache } from '#roles/replica/answer/result-cache.ts'

/** Few, so that queries meet; as topics and as addresses. */
const VALUES = [1, 2, 3, 4]
/** So near the end of an epoch of the index that chains cross it. */
const FIRST_NUMBER = 124
/** More than a row of the index holds. */
const MANY = 1_000

const topicOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)

interface LogPlan {
  readonly address: number
  readonly topics: readonly number[]
}
type Step =
  | { readonly kind: 'apply'; readonly logs: readonly (readonly LogPlan[])[]; readonly many: boolean }
  | { readonly kind: 'reorganise'; readonly depth: number }
  | { readonly kind: 'index'; readonly rowsMax: number }
  | { readonly kind: 'reopen' }
interface Query {
  readonly from: number
  readonly length: number
  readonly addresses: readonly number[]
  readonly topics: readonly (readonly number[])[]
}

const value = fc.constantFrom(...VALUES)
const plan = fc.record<LogPlan>({ address: value, topics: fc.array(value, { maxLength: 4 }) })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      logs: fc.array(fc.array(plan, { maxLength: 4 }), { maxLength: 3 }),
      many: fc.integer({ min: 0, max: 30 }).map((n) => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reorganise' as const), depth: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('index' as const), rowsMax: fc.constantFrom(1, 5, 1_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
)
const query = fc.record<Query>({
  from: fc.nat(12),
  length: fc.nat(12),
  addresses: fc.array(value, { maxLength: 2 }),
  topics: fc.array(fc.array(value, { maxLength: 2 }), { maxLength: 4 }),
})

test('whatever is in the index and whatever was reorganised, a query gives the logs that reading all of them gives', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 4, maxLength: 24 }),
      fc.array(query, { minLength: 12, maxLength: 12 }),
      (steps, queries) => {
        const chain = createChainBuilder({ number: FIRST_NUMBER })
        const kv = memoryKeyValue()
        let store = openStore(kv, { compress: stored })
        store.initialise(chain.identity, chain.genesis)
        const frames: Frame[] = []
        for (const [i, each] of steps.entries()) {
          if (each.kind === 'reopen') store = openStore(kv, { compress: stored })
          else run(store, chain, frames, each, String(i))
        }
        for (const each of queries) compare(store, frames, each)
        store.commit((writer) => assert.ok(writer.index(1_000_000)))
        for (const each of queries) compare(store, frames, each)
        assert.deepEqual(dumpTables(kv).postings, dumpTables(indexedAnew(chain, frames)).postings)
      },
    ),
    { numRuns: 50 },
  )
})

function run(
  store: Store,
  chain: ChainBuilder,
  frames: Frame[],
  each: Exclude<Step, { kind: 'reopen' }>,
  extra: string,
): void {
  if (each.kind === 'index') store.commit((writer) => void writer.index(each.rowsMax))
  else if (each.kind === 'apply') {
    const logs = each.logs.map((plans) => plans.map(makeLog))
    const many = Array.from({ length: MANY }, () => makeLog({ address: 1, topics: [1] }))
    const frame = chain.next({
      parent: frames.at(-1) ?? chain.genesis,
      logs: each.many ? [...logs, many] : logs,
      extra,
    })
    store.commit((writer) => writer.apply(frame))
    frames.push(frame)
  } else
    store.commit((writer) => {
      for (const _ of frames.splice(Math.max(0, frames.length - each.depth))) writer.undo()
    })
}

function makeLog({ address, topics }: LogPlan): Log {
  return { address: makeAddress(address), topics: topics.map(topicOf), data: new Uint8Array(address * 900) }
}

function indexedAnew(chain: ChainBuilder, frames: readonly Frame[]): KeyValue {
  const kv = memoryKeyValue()
  const store = openStore(kv, { compress: stored })
  store.initialise(chain.identity, chain.genesis)
  for (const frame of frames) store.commit((writer) => writer.apply(frame))
  store.commit((writer) => void writer.index(1_000_000))
  return kv
}

function compare(store: Store, frames: readonly Frame[], { from, length, addresses, topics }: Query): void {
  const head = FIRST_NUMBER + frames.length
  const first = Math.min(head, FIRST_NUMBER + from)
  const last = Math.min(head, first + length)
  const filter = {
    fromBlock: `0x${first.toString(16)}`,
    toBlock: `0x${last.toString(16)}`,
    address: addresses.map((n) => toHex(makeAddress(n))),
    topics: topics.map((alternatives) => alternatives.map((n) => toHex(topicOf(n)))),
  }
  const expected = frames
    .filter(({ block }) => block.header.number >= first && block.header.number <= last)
    .flatMap((frame) => allLogs(frame))
    .filter(({ log }) => meant(log, addresses, topics))
  const found = getLogs(store, filter)
  assert.deepEqual(
    found.map(({ blockHash, logIndex, transactionHash, data }) => [
      blockHash,
      logIndex,
      transactionHash,
      data,
    ]),
    expected.map(({ frame, index, transaction, log }) => [
      frame.block.header.hash,
      `0x${index.toString(16)}`,
      toHex(frame.block.transactions[transaction]?.hash ?? new Uint8Array()),
      toHex(log.data),
    ]),
  )
}

function allLogs(frame: Frame): { frame: Frame; log: Log; index: number; transaction: number }[] {
  return frame.receipts
    .flatMap(({ logs }, transaction) => logs.map((log) => ({ frame, log, transaction })))
    .map((each, index) => ({ ...each, index }))
}

function meant(log: Log, addresses: readonly number[], topics: readonly (readonly number[])[]): boolean {
  const isOne = (found: Uint8Array, wanted: readonly Uint8Array[]): boolean =>
    wanted.length === 0 || wanted.some((each) => equalBytes(each, found))
  return (
    isOne(log.address, addresses.map(makeAddress)) &&
    topics.every((wanted, i) => {
      const topic = log.topics[i]
      return topic !== undefined && isOne(topic, wanted.map(topicOf))
    })
  )
}

type Found = Record<'blockHash' | 'logIndex' | 'transactionHash' | 'data', string>

function getLogs(store: Store, filter: object): Found[] {
  const snapshot = store.snapshot()
  const { head, safe, finalized } = snapshot.heads
  try {
    const result = logMethods.eth_getLogs([filter], {
      snapshot,
      head: { position: 0, head, safe, finalized },
      announcedNumber: head.number,
      config: createChainBuilder().genesis.config,
      gasMax: 0n,
      timeMaxMs: 0,
      cache: createResultCache(0, createMeterRegistry()),
      expired: () => false,
      spent: undefined,
    })
    return JSON.parse(fromUtf8(result.bytes)) as Found[]
  } finally {
    snapshot.release()
  }
}
