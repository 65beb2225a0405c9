import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { environmentOf } from '#evm/environment.ts'
import { code, returning } from '#evm/testing/bytecode.ts'
import { address, createWorld } from '#evm/testing/world.ts'
import { bigintFrom, toHex } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { createEvm, dropInstances } from './evm.ts'
import type { EvmOutcome, HostState } from './evm-values.ts'

const LOOP = code('JUMPDEST 0 JUMP')
/** Calls SHA-256 with 32 KB for ever. */
const PRECOMPILE_LOOP = code('JUMPDEST 0 0 32768 0 2 GAS STATICCALL POP 0 JUMP')

const world = createWorld({
  1: { balance: 10n ** 18n },
  2: { code: returning('7 SLOAD'), storage: { 7: 42n } },
  3: { code: LOOP },
  4: { code: PRECOMPILE_LOOP },
  5: { code: returning('32769 0 BLOCKHASH POP') },
})
const environment = environmentOf(world.header, world.rules, 'call')

function callTo(n: number) {
  return {
    type: 0,
    from: address(1),
    to: address(n),
    gas: 10_000_000n,
    gasPrice: 0n,
    value: 0n,
    nonce: 0n,
    data: new Uint8Array(0),
  }
}
/** The world's state, with some of its reads replaced. */
function stateWith(replaced: Partial<HostState>): HostState {
  return {
    account: (a, out) => world.view.account(a, out),
    slot: (a, slot, out) => world.view.slot(a, slot, out),
    code: (hash) => world.view.code(hash),
    blockHash: (number, out) => world.view.blockHash(number, out),
    ...replaced,
  }
}
function outputOf(outcome: EvmOutcome): bigint {
  assert.equal(outcome.kind, 'success')
  return outcome.kind === 'success' ? bigintFrom(outcome.output) : -1n
}

test('a read that throws ends the run, is thrown again, and leaves the instance usable', () => {
  const evm = createEvm()
  const broken = new Error('the disk is gone')
  const failing = stateWith({
    slot() {
      throw broken
    },
  })
  evm.bind(failing, environment)
  assert.throws(() => evm.call(callTo(2)), broken)
  evm.bind(world.view, environment)
  assert.equal(outputOf(evm.call(callTo(2))), 42n)
})

test('a key that the state does not have ends the run with its name', () => {
  let evm = createEvm()
  const slot = `0x${'07'.padStart(64, '0')}`
  for (const [replaced, key] of [
    [{ slot: () => -1 }, { kind: 'slot', address: toHex(address(2)), slot }],
    [{ account: () => -1 }, { kind: 'account', address: toHex(address(1)) }],
    [{ code: () => undefined }, { kind: 'code' }],
  ] as const) {
    // A fresh one: what an instance has once read of code it keeps, by its hash.
    evm = createEvm()
    evm.bind(stateWith(replaced), environment)
    const outcome = evm.call(callTo(2))
    assert.equal(outcome.kind, 'missing')
    if (outcome.kind === 'missing') assert.deepEqual({ ...outcome.keys[0], ...key }, outcome.keys[0])
  }
  evm.bind(world.view, environment)
  assert.equal(outputOf(evm.call(callTo(2))), 42n)
})

test('a trap is a fault, and the next run has an instance of its own', () => {
  const evm = createEvm()
  const absurd = { length: 0xffff_fff0 } as Uint8Array
  evm.bind(stateWith({ code: () => absurd }), environment)
  assert.throws(
    () => evm.call(callTo(2)),
    (thrown) => faultCode(thrown) === 'core/trap',
  )
  evm.bind(world.view, environment)
  assert.equal(outputOf(evm.call(callTo(2))), 42n)
})

test('a deadline ends an endless loop, and a loop of precompile calls, at a look at the clock', () => {
  const evm = createEvm()
  for (const [n, looksMax] of [
    [3, 3],
    [4, 3],
  ] as const) {
    let looks = 0
    evm.bind(world.view, environment, () => ++looks === looksMax)
    const outcome = evm.call({ ...callTo(n), gas: 1n << 40n })
    assert.equal(outcome.kind, 'timeout')
    assert.equal(looks, looksMax)
  }
  evm.bind(world.view, environment)
  assert.equal(outputOf(evm.call(callTo(2))), 42n)
})

test('a clock that throws ends the run as a read does', () => {
  const evm = createEvm()
  const broken = new Error('no clock')
  evm.bind(world.view, environment, () => {
    throw broken
  })
  assert.throws(() => evm.call({ ...callTo(3), gas: 1n << 40n }), broken)
  evm.bind(world.view, environment)
  assert.equal(outputOf(evm.call(callTo(2))), 42n)
})

test('state that enters the EVM from within one of its reads is a bug', () => {
  const evm = createEvm()
  evm.bind(stateWith({ slot: () => (evm.call(callTo(1)), 0) }), environment)
  assert.throws(() => evm.call(callTo(2)), /never enters the instance that called it/)
})

test('more code than the cache holds is analysed again, not refused', () => {
  const many = createWorld(
    Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [100 + i, { code: returning(`${i} .5b`.repeat(1)) }]),
    ),
  )
  const evm = createEvm()
  evm.bind(many.view, environment)
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 40; i++) assert.equal(outputOf(evm.call(callTo(100 + i))), BigInt(i))
})

test('memory that is given back is taken again by the next run, and an open session keeps its own', () => {
  const evm = createEvm()
  evm.bind(world.view, environment)
  const before = outputOf(evm.call(callTo(2)))
  dropInstances()
  assert.equal(outputOf(evm.call(callTo(2))), before)
  evm.begin()
  dropInstances()
  assert.doesNotThrow(() => evm.finish())
})
