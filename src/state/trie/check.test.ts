import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import type { AccountChange, SlotChange } from '#chain/delta/delta.ts'
import { stateRoot } from '#chain/block/roots.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { bigintTo, concatBytes, fromHex, toHex } from '#kernel/bytes.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { openStore } from '#state/open-store.ts'
import { createChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { checkState, type Verdict } from './check.ts'

const word = (n: number): Uint8Array => bigintTo(BigInt(n), 32)
const accounts: AccountChange[] = Array.from({ length: 300 }, (_, i) => ({
  address: makeAddress(i + 1),
  after: { nonce: 1n, balance: BigInt(i), codeHash: fromHex(EMPTY_CODE_HASH) },
}))
const slots: SlotChange[] = Array.from({ length: 900 }, (_, i) => ({
  address: makeAddress((i % 7) + 1),
  key: word(i),
  value: word(i + 1),
}))

function makeStore(trie: boolean, root = stateRoot(accounts, slots)): KeyValue {
  const kv = memoryKeyValue()
  const builder = createChainBuilder({ accounts, slots, stateRoot: root })
  openStore(kv, { compress: stored, trie }).initialise(builder.identity, builder.genesis)
  return kv
}

function check(kv: KeyValue): { verdict: Verdict; told: number } {
  const tx = kv.read()
  let told = 0
  const verdict = checkState(tx, {
    scratch: memoryKeyValue,
    onProgress(leaves, of) {
      assert.ok(Math.abs(of - accounts.length - slots.length) <= 1)
      told = leaves
    },
  })
  tx.release()
  return { verdict, told }
}

test('a whole store is found whole, with a trie and without', () => {
  for (const trie of [true, false]) {
    const { verdict, told } = check(makeStore(trie))
    assert.ok(verdict.kind === 'equal')
    assert.equal(toHex(verdict.root), toHex(stateRoot(accounts, slots)))
    assert.deepEqual([verdict.accounts, verdict.slots], [300, 900])
    assert.ok(told >= 1_000, 'progress is told on the way')
  }
})

test('a slot or an account of another value is named, and one that only one side has', () => {
  const slotKey = concatBytes(makeAddress(3), word(2))
  const damages: [string, (kv: KeyValue) => void, RegExp][] = [
    [
      'a slot',
      (kv) => kv.write((tx) => tx.put('storage', slotKey, Uint8Array.of(99))),
      /^0x0+2 in the storage of 0x0+3$/,
    ],
    [
      'a slot that is gone',
      (kv) => kv.write((tx) => void tx.remove('storage', slotKey)),
      /^0x0+2 in the storage of 0x0+3$/,
    ],
    [
      'a slot too many',
      (kv) =>
        kv.write((tx) => tx.put('storage', concatBytes(makeAddress(3), word(1_000_000)), Uint8Array.of(1))),
      /^0x0+f4240 in the storage of 0x0+3$/,
    ],
    [
      'an account',
      (kv) => kv.write((tx) => tx.put('accounts', makeAddress(9), Uint8Array.of(1, 1, 77))),
      /^0x0+9 in the accounts$/,
    ],
    [
      'an account too many',
      (kv) => kv.write((tx) => tx.put('accounts', makeAddress(4_096), Uint8Array.of(1, 1, 77))),
      /^0x0+1000 in the accounts$/,
    ],
  ]
  for (const [name, damage, where] of damages) {
    const kv = makeStore(true)
    damage(kv)
    const { verdict } = check(kv)
    assert.ok(verdict.kind === 'differs', name)
    assert.match(verdict.what, where, name)
  }
})

test('without a trie the root tells that something is another, and both roots are named', () => {
  const kv = makeStore(false)
  kv.write((tx) => tx.put('accounts', makeAddress(9), Uint8Array.of(1, 1, 77)))
  const { verdict } = check(kv)
  assert.ok(verdict.kind === 'differs')
  assert.equal(verdict.what, 'the state root of block 0')
  assert.equal(verdict.expected, toHex(stateRoot(accounts, slots)))
})
