/** A chain whose every block sets each of some slots to its own number, so that half a block is seen by looking. */
import '#test/support/core.ts'
import assert from 'node:assert/strict'
import type { Frame } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { bigintFrom, bigintTo } from '#kernel/bytes.ts'
import { type LmdbKeyValue, openLmdb } from '#platform/lmdb/key-value.ts'
import { openStore } from '#state/open-store.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { createChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'
import { stored } from '#state/testing/stored.ts'

const ADDRESSES = Array.from({ length: 20 }, (_, i) => makeAddress(i + 1))
const KEYS = Array.from({ length: 20 }, (_, i) => bigintTo(BigInt(i), 32))

export const builder = createChainBuilder()

export function openCounting(path: string, mode: 'writer' | 'reader'): { kv: LmdbKeyValue; store: Store } {
  const kv = openLmdb({ path, mode, durable: false })
  const store = openStore(kv, { compress: stored })
  if (mode === 'writer') store.initialise(builder.identity, builder.genesis)
  return { kv, store }
}

export function countingBlock(parent: Pick<Genesis, 'header'>, extra = ''): Frame {
  const number = BigInt(parent.header.number + 1)
  const log = { address: makeAddress(1), topics: [], data: new Uint8Array(3_000) }
  return builder.next({
    parent,
    extra,
    accounts: ADDRESSES.map((address) => ({
      address,
      after: { nonce: number, balance: number, codeHash: new Uint8Array(32).fill(1) },
    })),
    slots: ADDRESSES.flatMap((address) => KEYS.map((key) => ({ address, key, value: bigintTo(number, 32) }))),
    logs: [[log], [log, log]],
  })
}

/** The block at which everything in the snapshot stands; it fails where anything stands elsewhere. */
export function checkWhole(snapshot: Snapshot): number {
  const { head } = snapshot.heads
  assert.equal(snapshot.hashAt(head.number), head.hash)
  assert.equal(snapshot.header(head.number)?.hash, head.hash)
  assert.equal(snapshot.hashAt(head.number + 1), undefined)
  for (const number of [head.number, Math.max(0, head.number - 1)]) {
    const view = snapshot.stateAt(number)
    const out = new Uint8Array(72)
    for (const address of ADDRESSES) {
      view.account(address, out)
      assert.equal(bigintFrom(number === 0 ? new Uint8Array() : out.subarray(0, 8)), BigInt(number))
      for (const key of KEYS) {
        view.slot(address, key, out)
        assert.equal(bigintFrom(out.subarray(0, 32)), BigInt(number))
      }
    }
  }
  if (head.number > 0) assert.equal(snapshot.receipts(head.number)?.flatMap(({ logs }) => logs).length, 3)
  return head.number
}
