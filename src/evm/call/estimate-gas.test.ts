import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { toHex } from '#kernel/bytes.ts'
import { createCaller } from './call.ts'
import { type Estimate, estimateGas } from './estimate-gas.ts'
import type { CallInput } from '#evm/message.ts'
import { code, deploying } from '#evm/testing/bytecode.ts'
import { address, createWorld, type World } from '#evm/testing/world.ts'

const ETHER = 10n ** 18n
const caller = createCaller()
const from = address(1)

function estimateAt(world: World, input: CallInput, gasMax = 50_000_000n): Estimate {
  return estimateGas(caller, { from, ...input }, { ...world, gasMax, expired: () => false })
}
function gasOf(estimate: Estimate): bigint {
  return estimate.kind === 'estimated' ? estimate.gas : assert.fail(estimate.kind)
}
/** The least gas with which it returns, by trying. */
function leastGas(world: World, input: CallInput): bigint {
  let low = 0n
  let high = 16_777_216n
  while (low + 1n < high) {
    const gas = (low + high) / 2n
    const outcome = caller.call({ from, ...input, gas }, { ...world, gasMax: gas, expired: () => false })
    if (outcome.kind === 'returned') high = gas
    else low = gas
  }
  return high
}

const world = createWorld({
  1: { balance: ETHER },
  // Sets a slot and clears another: a refund.
  2: { code: code('1 7 SSTORE 0 8 SSTORE STOP'), storage: { 8: 1n } },
  // Calls 2 with all but a 64th of its gas, and reverts where that failed.
  3: { code: code(`0 0 0 0 0 ${toHex(address(2))} GAS CALL 41 JUMPI 0 0 REVERT JUMPDEST`) },
  4: { code: code('JUMPDEST 0 JUMP') },
  5: { code: code('0 0 REVERT') },
  6: { code: code('INVALID') },
})

test('a plain transfer is 21,000', () => {
  assert.equal(gasOf(estimateAt(world, { to: address(9), value: 1n })), 21_000n)
  assert.equal(gasOf(estimateAt(world, { to: address(9) })), 21_000n)
})

test('an estimate is enough, and little more than the least that is', () => {
  const inputs: CallInput[] = [
    { to: address(2) },
    { to: address(3) },
    { input: deploying(new Uint8Array(500)) },
    { to: address(9), accessList: [{ address: address(9), storageKeys: [new Uint8Array(32)] }] },
    { to: address(9), input: new Uint8Array(1_000).fill(1) },
  ]
  for (const input of inputs) {
    const gas = gasOf(estimateAt(world, input))
    const least = leastGas(world, input)
    assert.ok(gas >= least, `${gas} is enough where ${least} is`)
    assert.ok(Number(gas - least) / Number(gas) < 0.016, `${gas} is near ${least}`)
  }
})

test('a call that no gas lets return is told apart: too much gas, a revert, a halt, a refusal', () => {
  assert.deepEqual(estimateAt(world, { to: address(4) }), { kind: 'exceeds', allowance: 16_777_216n })
  assert.deepEqual(estimateAt(world, { to: address(4), gas: 100_000n }), {
    kind: 'exceeds',
    allowance: 100_000n,
  })
  assert.deepEqual(estimateAt(world, { to: address(4) }, 90_000n), { kind: 'exceeds', allowance: 90_000n })
  const reverted = estimateAt(world, { to: address(5) })
  assert.equal(reverted.kind === 'failed' && reverted.outcome.kind, 'reverted')
  const halted = estimateAt(world, { to: address(6) })
  assert.equal(halted.kind === 'failed' && halted.outcome.kind, 'halted')
  const poor = estimateAt(world, { to: address(2), value: 2n * ETHER })
  assert.equal(poor.kind === 'failed' && poor.outcome.kind, 'refused')
})

test('where a price is named, the balance bounds the gas, and one that pays nothing is refused', () => {
  const base = world.header.baseFeePerGas ?? assert.fail('a base fee')
  const poor = createWorld({ 1: { balance: 30_000n * base }, 4: { code: code('JUMPDEST 0 JUMP') } })
  assert.deepEqual(estimateAt(poor, { to: address(4), gasPrice: base }), {
    kind: 'exceeds',
    allowance: 30_000n,
  })
  assert.deepEqual(estimateAt(poor, { from: address(8), to: address(4), gasPrice: base }), {
    kind: 'noFunds',
    reason: 'insufficient funds for transfer',
  })
})
