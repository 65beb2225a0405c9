import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { refOf } from '#chain/block/frame.ts'
import { ACCOUNT_BYTES, EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { bigintFrom, fromHex } from '#kernel/bytes.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openStore } from '#state/open-store.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { createChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { HeadGone } from '#roles/replica/answer/answer-context.ts'
import { bindRenewed } from './renewed-snapshot.ts'

const ALICE = makeAddress(0xa11ce)
const OLD_MS = 501

/** A store in which Alice's balance at block n is n, and how many snapshots of it are open. */
function world() {
  const chain = createChainBuilder()
  const store = openStore(memoryKeyValue(), { compress: stored })
  store.initialise(chain.identity, chain.genesis)
  let open = 0
  let bound = 0
  const counted = {
    snapshot(): Snapshot {
      const snapshot = store.snapshot()
      open++
      bound++
      return {
        ...snapshot,
        release() {
          open--
          snapshot.release()
        },
      }
    },
  }
  let top = 0
  const add = () => {
    top++
    const after = { nonce: 0n, balance: BigInt(top), codeHash: fromHex(EMPTY_CODE_HASH) }
    const frame = chain.next({ accounts: [{ address: ALICE, after }] })
    store.commit((writer) => writer.apply(frame))
    return refOf(frame.block.header)
  }
  return { store, counted, add, clock: createVirtualClock(), open: () => open, bound: () => bound }
}

function balance(view: ReturnType<Snapshot['stateAt']>): bigint {
  const record = new Uint8Array(ACCOUNT_BYTES)
  view.account(ALICE, record)
  return bigintFrom(record.subarray(8, 40))
}

test('a view that is read for long stays at its block, over one open snapshot at a time, none of them old', async () => {
  const { counted, add, clock, open, bound } = world()
  add()
  const head = add()
  const renewed = bindRenewed(counted, head, clock)
  const view = renewed.snapshot.stateAt(1)
  for (let i = 0; i < 5; i++) {
    add()
    renewed.renewIfOld()
    assert.equal(balance(view), 1n)
    await clock.advance(OLD_MS)
  }
  assert.equal(bound(), 5)
  assert.equal(open(), 1)
  renewed.release()
  assert.equal(open(), 0)
})

test('where the store has left the head the run ends, and the snapshot is let go', async () => {
  const { store, counted, add, clock, open } = world()
  add()
  const renewed = bindRenewed(counted, add(), clock)
  store.commit((writer) => void writer.undo())
  renewed.renewIfOld() // not old yet: what it shows is still true of that head
  await clock.advance(OLD_MS)
  assert.throws(() => renewed.renewIfOld(), HeadGone)
  renewed.release()
  assert.equal(open(), 0)
})

test('a head that is not there is not bound', () => {
  const { store, counted, add, clock, open } = world()
  add()
  const gone = add()
  store.commit((writer) => void writer.undo())
  assert.throws(() => bindRenewed(counted, gone, clock), HeadGone)
  assert.equal(open(), 0)
})
