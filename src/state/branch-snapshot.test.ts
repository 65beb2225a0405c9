import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import type { AccountChange, SlotChange } from '#chain/delta/delta.ts'
import type { Frame } from '#chain/block/frame.ts'
import type { Log } from '#chain/transaction/receipt.ts'
import { ACCOUNT_BYTES, EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { bigintTo, fromHex, toHex } from '#kernel/bytes.ts'
import { branchSnapshot } from './branch-snapshot.ts'
import { openStore } from './open-store.ts'
import type { Snapshot } from './snapshot.ts'
import type { Store } from './store.ts'
import { createChainBuilder, makeAddress, type NextBlock } from './testing/frame-builder.ts'
import { memoryKeyValue } from './testing/memory-key-value.ts'
import { stored } from './testing/stored.ts'

const ADDRESSES = [1, 2, 3].map((n) => makeAddress(n))
const KEYS = [1n, 2n].map((n) => bigintTo(n, 32))

interface Plan {
  readonly balances: readonly (number | undefined)[]
  readonly values: readonly number[]
  readonly cleared: boolean
  readonly logs: readonly number[]
}
const plan = fc.record<Plan>({
  balances: fc.array(fc.option(fc.nat(3), { nil: undefined }), { minLength: 3, maxLength: 3 }),
  values: fc.array(fc.nat(2), { minLength: 2, maxLength: 2 }),
  cleared: fc.boolean(),
  logs: fc.array(fc.nat(3), { maxLength: 2 }),
})
const plans = fc.array(plan, { minLength: 1, maxLength: 4 })

function blockOf({ balances, values, cleared, logs }: Plan, extra: string): NextBlock {
  const accounts = balances.map((balance, i): AccountChange => {
    const codeHash = fromHex(EMPTY_CODE_HASH)
    const after = balance === undefined ? undefined : { nonce: 1n, balance: BigInt(balance), codeHash }
    return { address: ADDRESSES[i] as Uint8Array, after }
  })
  const slots = values.map((value, i): SlotChange => {
    return {
      address: ADDRESSES[0] as Uint8Array,
      key: KEYS[i] as Uint8Array,
      value: bigintTo(BigInt(value), 32),
    }
  })
  const log = (n: number): Log => {
    const topics = Array.from({ length: n }, () => bigintTo(BigInt(n), 32))
    return { address: ADDRESSES[n % 3] as Uint8Array, topics, data: new Uint8Array(n).fill(n) }
  }
  return {
    accounts,
    // What a cleared account has afterwards is listed, and nothing else of it.
    slots: cleared ? slots.filter((_, i) => values[i] !== 0) : slots,
    ...(cleared && { cleared: [ADDRESSES[0] as Uint8Array] }),
    logs: logs.map((count) => Array.from({ length: count }, (_, i) => log(i))),
    extra,
  }
}

test('a branch beside the chain is read as a store that has it as its chain', () => {
  fc.assert(
    fc.property(plans, plans, plans, (common, branch, chain) => {
      const builder = createChainBuilder()
      const [here, there] = [0, 1].map((): Store => {
        const store = openStore(memoryKeyValue(), { compress: stored })
        store.initialise(builder.identity, builder.genesis)
        return store
      }) as [Store, Store]
      const apply = (store: Store, frames: readonly Frame[]): void => {
        for (const frame of frames) store.commit((writer) => writer.apply(frame))
      }
      const shared = common.map((each) => builder.next(blockOf(each, 'shared')))
      const leaves = shared.at(-1) as Frame
      const grown = (all: readonly Plan[], extra: string): Frame[] => {
        let parent = leaves
        return all.map((each) => (parent = builder.next({ ...blockOf(each, extra), parent })))
      }
      const beside = grown(branch, 'beside')
      apply(here, [...shared, ...grown(chain, 'chain')])
      apply(there, [...shared, ...beside])
      const [snapshot, twin] = [here.snapshot(), there.snapshot()]
      const last = leaves.block.header.number + branch.length
      assert.deepEqual(told(branchSnapshot(snapshot, beside), last), told(twin, last))
      snapshot.release()
      twin.release()
    }),
  )
})

/** All that a snapshot says of the blocks up to one, and of those above, which are not there. */
function told(snapshot: Snapshot, last: number): unknown {
  return Array.from({ length: last + 3 }, (_, number) => {
    const hash = snapshot.hashAt(number)
    const logs: unknown[] = []
    snapshot.logs(number, (log) => {
      const { bytes, dataTo, addressAt, topicsAt, topicCount, dataAt, logIndex, transactionIndex } = log
      const row = toHex(bytes.subarray(0, dataTo))
      logs.push({ addressAt, topicsAt, topicCount, dataAt, logIndex, transactionIndex, row })
      return true
    })
    const { transactionHash, ...place } = snapshot.logPlace(number) ?? {}
    return {
      ...{ hash, place, logs, hashes: snapshot.transactionHashes(number), first: transactionHash?.(0) },
      ...{ header: snapshot.header(number), number: hash && snapshot.numberOf(hash) },
      ...{
        block: snapshot.block(number),
        raw: snapshot.rawBlock(number),
        receipts: snapshot.receipts(number),
      },
      state: number > last ? undefined : stateAt(snapshot, number),
    }
  })
}

function stateAt(snapshot: Snapshot, number: number): unknown {
  const view = snapshot.stateAt(number)
  const out = new Uint8Array(ACCOUNT_BYTES)
  const word = new Uint8Array(32)
  return [
    ADDRESSES.map((address) => (view.account(address, out) === 1 ? toHex(out) : 'absent')),
    KEYS.map((key) => {
      view.slot(ADDRESSES[0] as Uint8Array, key, word)
      return toHex(word)
    }),
    Array.from({ length: number + 1 }, (_, at) => [view.blockHash(at, word), toHex(word)]),
  ]
}
