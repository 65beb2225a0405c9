import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { accountAt, makeDelta, slotAt } from '#chain/delta/delta-builder.ts'
import type { Delta } from '#chain/delta/delta.ts'
import { stateRoot } from '#chain/block/roots.ts'
import type { Fork, Rules } from '#chain/fork/rules.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { NO_ROWS, stagedRows, updateStateTrie } from '#chain/trie/state-trie.ts'
import type { TrieRows } from '#chain/trie/rows.ts'
import { fromHex, toHex } from '#kernel/bytes.ts'
import { type ExecutedBlock, executeBlock } from './block/execute-block.ts'
import { code } from './testing/bytecode.ts'
import { address, createWorld, nextBlock, type World, type WorldTransaction } from './testing/world.ts'

const ETHER = 10n ** 18n
const sender = address(1)

function trieOf(world: World): TrieRows {
  const { accounts, slots } = world.view.contents()
  const trie = stagedRows(NO_ROWS)
  const codes = accounts.flatMap(({ after }) => {
    const found = after && world.view.codes.get(toHex(after.codeHash))
    return found ? [{ hash: after.codeHash, code: found }] : []
  })
  updateStateTrie(trie, makeDelta({ accounts, slots, codes, cleared: [] }), world.view)
  return trie
}

/** Executes and applies; transactions have gas for nothing, so that balances are easy to say. */
function execute(
  world: World,
  transactions: readonly WorldTransaction[],
  rules: Rules = world.rules,
): ExecutedBlock {
  const block = nextBlock(world, transactions)
  const legacy = {
    ...block,
    transactions: block.transactions.map((t) => ({
      ...t,
      type: 0 as const,
      gasPrice: 0n,
      chainId: undefined,
    })),
    withdrawals: undefined,
  }
  const outcome = executeBlock(legacy as never, rules, world.view, trieOf(world))
  if (outcome.kind === 'refused') assert.fail(outcome.reason)
  return outcome
}
function accountsOf(delta: Delta) {
  return new Map(
    Array.from({ length: delta.accounts.count }, (_, i) => {
      const { address: who, after } = accountAt(delta, i)
      return [toHex(who), after] as const
    }),
  )
}

test('before Byzantium each receipt holds the root of the state after its transaction', () => {
  for (const fork of ['homestead', 'tangerine', 'spuriousDragon'] satisfies Fork[]) {
    const store = code('0 CALLDATALOAD 7 SSTORE STOP')
    const world = createWorld({ 1: { balance: ETHER }, 2: { code: store } }, fork)
    const transactions = [5, 6, 0].map((value, nonce) => ({
      from: sender,
      nonce,
      to: address(2),
      data: fromHex(`0x${value.toString(16).padStart(64, '0')}`),
    }))
    const { receipts } = execute(world, transactions)
    transactions.forEach((transaction, i) => {
      world.view.applyDelta(withoutReward(execute(world, [transaction]).delta, fork))
      const { accounts, slots } = world.view.contents()
      const outcome = receipts[i]?.outcome ?? assert.fail()
      assert.ok('stateRoot' in outcome)
      assert.equal(toHex(outcome.stateRoot), toHex(stateRoot(accounts, slots)), `${fork}, transaction ${i}`)
    })
  }
})

/** What the block's transaction did: its fee, which is nothing, makes an empty account before EIP-161. */
function withoutReward(delta: Delta, fork: Fork): Delta {
  const rewarded = toHex(address(0xfee))
  const empty = { nonce: 0n, balance: 0n, codeHash: fromHex(EMPTY_CODE_HASH) }
  const accounts = [...accountsOf(delta)].flatMap(([who, after]) =>
    who !== rewarded
      ? [{ address: fromHex(who), after }]
      : fork === 'spuriousDragon'
        ? []
        : [{ address: fromHex(who), after: empty }],
  )
  const slots = Array.from({ length: delta.slots.count }, (_, i) => slotAt(delta, i))
  return makeDelta({ accounts, slots, cleared: [], codes: [] })
}

test('an empty account that was there is gone once it is touched, from Spurious Dragon on (EIP-161)', () => {
  const touch = (fork: Fork) => {
    const world = createWorld({ 1: { balance: ETHER }, 5: {} }, fork)
    assert.ok(world.view.accounts.has(toHex(address(5))), 'a genesis may hold an empty account')
    return accountsOf(execute(world, [{ from: sender, nonce: 0, to: address(5) }]).delta)
  }
  assert.ok(!touch('tangerine').has(toHex(address(5))), 'it stays as it is')
  for (const fork of ['spuriousDragon', 'byzantium', 'istanbul'] satisfies Fork[]) {
    const accounts = touch(fork)
    assert.ok(accounts.has(toHex(address(5))) && accounts.get(toHex(address(5))) === undefined, fork)
  }
})

test('an account that is not there is made by touching it before Spurious Dragon, and not after', () => {
  const touch = (fork: Fork) => {
    const world = createWorld({ 1: { balance: ETHER } }, fork)
    return accountsOf(execute(world, [{ from: sender, nonce: 0, to: address(5) }]).delta).get(
      toHex(address(5)),
    )
  }
  assert.equal(touch('homestead')?.balance, 0n)
  assert.equal(touch('spuriousDragon'), undefined)
})

test('proof of work is rewarded with 5, 3 and 2 ether, a 32nd for each ommer, and less the older an ommer is', () => {
  for (const [fork, reward] of [
    ['homestead', 5n],
    ['byzantium', 3n],
    ['constantinople', 2n],
  ] as const) {
    const world = createWorld({}, fork)
    const block = nextBlock(world, [])
    const ommer = { ...world.header, beneficiary: address(7), number: block.header.number - 2 }
    const { withdrawals: _none, ...rest } = block
    const outcome = executeBlock({ ...rest, ommers: [ommer] }, world.rules, world.view, trieOf(world))
    assert.ok(outcome.kind === 'executed')
    const accounts = accountsOf(outcome.delta)
    assert.equal(accounts.get(toHex(address(0xfee)))?.balance, (reward * ETHER * 33n) / 32n, fork)
    assert.equal(accounts.get(toHex(address(7)))?.balance, (reward * ETHER * 6n) / 8n, fork)
  }
})

test('the DAO fork moves the balances of its accounts to the contract that refunds them, before the first transaction', () => {
  const drained = fromHex('0xd4fe7bc31cedb7bfb8a345f31e668033056b2728')
  const refunds = '0xbf4ed7b27f1d666546e30d74d50d173d20bca754'
  const world = createWorld({ 1: { balance: ETHER } }, 'homestead')
  world.view.accounts.set(toHex(drained), {
    nonce: 3n,
    balance: 40n,
    codeHash: fromHex(EMPTY_CODE_HASH),
  })
  const transaction = { from: sender, nonce: 0, to: address(9), value: 1n }
  const fork: Rules = { ...world.rules, fork: 'dao', isDaoFork: true }
  const { delta, receipts } = execute(world, [transaction], fork)
  const accounts = accountsOf(delta)
  assert.deepEqual([accounts.get(toHex(drained))?.balance, accounts.get(toHex(drained))?.nonce], [0n, 3n])
  assert.equal(accounts.get(refunds)?.balance, 40n)
  assert.equal(accounts.size, 116 + 1 + 3, 'those that are not there are made, as geth makes them')
  assert.ok('stateRoot' in (receipts[0]?.outcome ?? {}))
  const before = execute(world, [transaction], { ...world.rules, fork: 'dao' })
  assert.ok(!accountsOf(before.delta).has(toHex(drained)), 'blocks after it move nothing')
})
