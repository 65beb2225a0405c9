import assert from 'node:assert/strict'
import test from 'node:test'
import { SigningKey } from 'ethers'
import '#test/support/core.ts'
import { accountAt, slotAt } from '#chain/delta/delta-builder.ts'
import type { Delta } from '#chain/delta/delta.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import { createdAddress } from '#chain/transaction/sender.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintFrom, concatBytes, fromHex, toHex } from '#kernel/bytes.ts'
import { type ExecutedBlock, executeBlock } from './block/execute-block.ts'
import { code, deploying } from './testing/bytecode.ts'
import { address, createWorld, nextBlock, type World, type WorldTransaction } from './testing/world.ts'

const ETHER = 10n ** 18n
const sender = address(1)
/** Stores the first word of its input in slot 7. */
const STORE = code('0 CALLDATALOAD 7 SSTORE STOP')
const DIE = code(`0x${toHex(address(0xdead)).slice(2)} SELFDESTRUCT`)

function execute(
  world: World,
  transactions: readonly WorldTransaction[],
  withdrawals = [] as never[],
): ExecutedBlock {
  const outcome = executeBlock(nextBlock(world, transactions, withdrawals), world.rules, world.view)
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
function slotsOf(delta: Delta) {
  return Array.from({ length: delta.slots.count }, (_, i) => {
    const { address: who, key, value } = slotAt(delta, i)
    return `${toHex(who)} ${bigintFrom(key)} ${bigintFrom(value)}`
  })
}
function clearedOf({ cleared }: Delta): string[] {
  return Array.from({ length: cleared.length / 20 }, (_, i) => toHex(cleared, 20 * i, 20 * i + 20))
}
const word = (n: number): Uint8Array => fromHex(`0x${n.toString(16).padStart(64, '0')}`)

test('a slot that is set and set back within a block is not in its delta, one that stays is', () => {
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: STORE, storage: { 7: 5n } } })
  const to = address(2)
  const back = execute(world, [
    { from: sender, nonce: 0, to, data: word(9) },
    { from: sender, nonce: 1, to, data: word(5) },
  ])
  assert.deepEqual(slotsOf(back.delta), [])
  assert.ok(!accountsOf(back.delta).has(toHex(to)), 'an account whose slots alone changed is not listed')
  const stays = execute(world, [{ from: sender, nonce: 0, to, data: word(9) }])
  assert.deepEqual(slotsOf(stays.delta), [`${toHex(to)} 7 9`])
})

test('value that comes back within a block leaves the account out', () => {
  const bounce = code('0 0 0 0 SELFBALANCE CALLER GAS CALL STOP')
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: bounce } })
  const { delta, receipts } = execute(world, [{ from: sender, nonce: 0, to: address(2), value: 1_000n }])
  assert.deepEqual(receipts[0]?.outcome, { status: 1 })
  assert.deepEqual(
    [...accountsOf(delta).keys()],
    [toHex(sender)],
    'no fee reaches the beneficiary, whose tip is zero',
  )
})

test('a contract created and destroyed in one transaction was never there', () => {
  const world = createWorld({ 1: { balance: ETHER } })
  const init = code(`0x${toHex(address(0xdead)).slice(2)} SELFDESTRUCT`)
  const { delta } = execute(world, [{ from: sender, nonce: 0, value: 3n, data: init }])
  const accounts = accountsOf(delta)
  assert.ok(!accounts.has(toHex(createdAddress(sender, 0n))))
  assert.equal(accounts.get(toHex(address(0xdead)))?.balance, 3n)
  assert.equal(delta.cleared.length, 0)
})

test('from Cancun on a contract that was there survives its SELFDESTRUCT without its balance', () => {
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: DIE, balance: 9n, storage: { 7: 5n } } })
  const { delta } = execute(world, [{ from: sender, nonce: 0, to: address(2) }])
  const accounts = accountsOf(delta)
  assert.equal(accounts.get(toHex(address(2)))?.balance, 0n)
  assert.equal(accounts.get(toHex(address(0xdead)))?.balance, 9n)
  assert.deepEqual([slotsOf(delta), clearedOf(delta)], [[], []])
})

test('before Cancun it is deleted, and its storage cleared where it had any', () => {
  const world = createWorld(
    { 1: { balance: ETHER }, 2: { code: DIE, storage: { 7: 5n } }, 3: { code: DIE } },
    'shanghai',
  )
  const { delta } = execute(world, [
    { from: sender, nonce: 0, to: address(2) },
    { from: sender, nonce: 1, to: address(3) },
  ])
  const accounts = accountsOf(delta)
  assert.ok(accounts.has(toHex(address(2))) && accounts.has(toHex(address(3))))
  assert.deepEqual([accounts.get(toHex(address(2))), accounts.get(toHex(address(3)))], [undefined, undefined])
  assert.deepEqual([slotsOf(delta), clearedOf(delta)], [[], [toHex(address(2))]])
})

test('a contract destroyed and created again lists all its slots beside being cleared', () => {
  // The factory deploys with CREATE2 what its input says; what it deploys stores 1 in slot 7 as it is created.
  const factory = code('CALLDATASIZE 0 0 CALLDATACOPY 0 CALLDATASIZE 0 0 CREATE2 STOP')
  const init = concatBytes(code('1 7 SSTORE'), shifted(DIE, 5))
  const created = keccak256(
    concatBytes(Uint8Array.of(0xff), address(4), new Uint8Array(32), keccak256(init)),
  ).subarray(12)
  const world = createWorld({ 1: { balance: ETHER }, 4: { code: factory } }, 'shanghai')
  const deploy = { from: sender, to: address(4), data: init }
  const first = execute(world, [{ ...deploy, nonce: 0 }])
  assert.deepEqual(slotsOf(first.delta), [`${toHex(created)} 7 1`])
  assert.equal(clearedOf(first.delta).length, 0)
  world.view.applyDelta(first.delta)
  const again = execute(world, [
    { from: sender, nonce: 1, to: created },
    { ...deploy, nonce: 2 },
  ])
  assert.deepEqual(clearedOf(again.delta), [toHex(created)])
  assert.deepEqual(slotsOf(again.delta), [`${toHex(created)} 7 1`])
  assert.ok(!accountsOf(again.delta).has(toHex(created)), 'nonce, balance and code are what they were')
})

test('a SELFDESTRUCT that is reverted destroys nothing', () => {
  const target = toHex(address(2)).slice(2)
  const revertAfter = code(`0 0 0 0 0 0x${target} GAS CALL POP 0 0 REVERT`)
  const world = createWorld(
    { 1: { balance: ETHER }, 2: { code: DIE, storage: { 7: 5n } }, 3: { code: revertAfter } },
    'shanghai',
  )
  const { delta, receipts } = execute(world, [{ from: sender, nonce: 0, to: address(3) }])
  assert.deepEqual(receipts[0]?.outcome, { status: 0 })
  assert.deepEqual([...accountsOf(delta).keys()], [toHex(sender)])
  assert.deepEqual(clearedOf(delta), [])
})

test('a withdrawal of nothing creates nothing, one of a gwei does', () => {
  const world = createWorld({})
  const to = (n: number, amount: bigint) => ({ index: 0n, validatorIndex: 0n, address: address(n), amount })
  const { delta } = execute(world, [], [to(5, 0n), to(6, 1n), to(6, 2n)] as never[])
  assert.deepEqual(
    [...accountsOf(delta)].map(([who, after]) => [who, after?.balance]),
    [[toHex(address(6)), 3_000_000_000n]],
  )
})

test('a delegation is code of the account that signed it, until it signs another (EIP-7702)', () => {
  const key = new SigningKey(`0x${'11'.repeat(32)}`)
  const authority = keccak256(fromHex(key.publicKey).subarray(1)).subarray(12)
  const authorize = (to: Uint8Array, nonce: bigint) => {
    const signed = keccak256(concatBytes(Uint8Array.of(5), encodeRlp([rlpOf(1n), to, rlpOf(nonce)])))
    const { r, s, yParity } = key.sign(toHex(signed))
    return { chainId: 1n, address: to, nonce, yParity, r: BigInt(r), s: BigInt(s) }
  }
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: STORE } })
  const set = execute(world, [
    { from: sender, nonce: 0, to: authority, data: word(9), authorizations: [authorize(address(2), 0n)] },
  ])
  const designator = concatBytes(fromHex('0xef0100'), address(2))
  assert.deepEqual(
    set.delta.codes.map((entry) => toHex(entry.code)),
    [toHex(designator)],
  )
  const after = accountsOf(set.delta).get(toHex(authority))
  assert.equal(after?.nonce, 1n)
  assert.equal(after && toHex(after.codeHash), toHex(keccak256(designator)))
  assert.deepEqual(slotsOf(set.delta), [`${toHex(authority)} 7 9`], 'the delegate’s code ran on its storage')

  world.view.applyDelta(set.delta)
  const clear = execute(world, [
    { from: sender, nonce: 1, to: address(9), authorizations: [authorize(new Uint8Array(20), 1n)] },
  ])
  assert.deepEqual(clear.delta.codes, [])
  const cleared = accountsOf(clear.delta).get(toHex(authority))
  assert.equal(cleared && toHex(cleared.codeHash), toHex(keccak256(new Uint8Array(0))))
  const both = execute(world, [
    { from: sender, nonce: 1, to: address(9), authorizations: [authorize(new Uint8Array(20), 1n)] },
    { from: sender, nonce: 2, to: address(9), authorizations: [authorize(address(2), 2n)] },
  ])
  assert.deepEqual(both.delta.codes, [], 'code that it had before is not new')
})

test('a block that breaks the rules is refused with the reason, and the next one is executed as if it had not been', () => {
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: STORE } })
  const refusalOf = (transactions: readonly WorldTransaction[]): string => {
    const outcome = executeBlock(nextBlock(world, transactions), world.rules, world.view)
    return outcome.kind === 'refused' ? outcome.reason : outcome.kind
  }
  const to = address(2)
  assert.match(refusalOf([{ from: sender, nonce: 1, to }]), /^transaction 0 failed: nonce/)
  assert.match(
    refusalOf([{ from: sender, nonce: 0, to, value: 2n * ETHER }]),
    /^transaction 0 failed: lack of funds/,
  )
  assert.equal(
    refusalOf([
      { from: sender, nonce: 0, to, gas: 16_000_000n },
      ...[1, 2, 3].map((nonce) => ({ from: sender, nonce, to, gas: 16_777_216n })),
      { from: sender, nonce: 4, to, gas: 16_777_216n },
    ]),
    'executed',
  )
  assert.match(refusalOf([{ from: sender, nonce: 0, to, gas: 60_000_001n }]), /gas limit reached/)
  assert.match(refusalOf([{ from: sender, nonce: 0, to, gas: 16_777_217n }]), /^transaction 0 failed/)
  const { delta } = execute(world, [{ from: sender, nonce: 0, to, data: word(9) }])
  assert.deepEqual(slotsOf(delta), [`${toHex(to)} 7 9`])
})

test('a block that needs state which is not there is refused with its keys', () => {
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: code('7 SLOAD STOP'), storage: { 7: 1n } } })
  const lacking = Object.assign(Object.create(world.view) as typeof world.view, { slot: () => -1 })
  const outcome = executeBlock(
    nextBlock(world, [{ from: sender, nonce: 0, to: address(2) }]),
    world.rules,
    lacking,
  )
  assert.equal(outcome.kind, 'refused')
  if (outcome.kind !== 'refused') return
  assert.deepEqual(outcome.missing, [{ kind: 'slot', address: toHex(address(2)), slot: toHex(word(7)) }])
})

/** {@link deploying} behind `before` bytes of other init code. */
function shifted(runtime: Uint8Array, before: number): Uint8Array {
  const init = deploying(runtime)
  init[5] = (init[5] as number) + before
  return init
}
