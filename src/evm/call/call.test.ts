import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { bigintFrom, bigintTo, concatBytes, fromHex, toHex } from '#kernel/bytes.ts'
import { type CallContext, type CallInput, createCaller } from './call.ts'
import { code, deploying, returning } from '#evm/testing/bytecode.ts'
import { address, createWorld, type World } from '#evm/testing/world.ts'

const ETHER = 10n ** 18n
const caller = createCaller()

function callAt(world: World, input: CallInput, more: Partial<CallContext> = {}) {
  return caller.call(input, { ...world, gasMax: 50_000_000n, expired: () => false, ...more })
}
/** The outcome of running this code. */
function runCode(
  bytes: Uint8Array,
  input: CallInput = {},
  fork: Parameters<typeof createWorld>[1] = 'osaka',
) {
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: bytes } }, fork)
  return callAt(world, { from: address(1), to: address(2), ...input })
}
function wordOf(outcome: ReturnType<typeof runCode>): bigint {
  assert.equal(outcome.kind, 'returned')
  return outcome.kind === 'returned' ? bigintFrom(outcome.output) : -1n
}

test('code that fails is told in geth’s words', () => {
  const cases: [code: Uint8Array, words: string][] = [
    [code('INVALID'), 'invalid opcode: INVALID'],
    [code('.0c'), 'invalid opcode: opcode 0xc not defined'],
    [code('.ef'), 'invalid opcode: opcode 0xef not defined'],
    [code('ADD'), 'stack underflow (0 <=> 2)'],
    [code('1 ADD'), 'stack underflow (1 <=> 2)'],
    [code('POP'), 'stack underflow (0 <=> 1)'],
    [code('.8f'), 'stack underflow (0 <=> 16)'],
    [code('.9f'), 'stack underflow (0 <=> 17)'],
    [code('JUMPDEST 1 0 JUMP'), 'stack limit reached 1024 (1023)'],
    [code('3 JUMP'), 'invalid jump destination'],
    [code('JUMPDEST 0 JUMP'), 'out of gas'],
    [code('1 0 0 RETURNDATACOPY'), 'return data out of bounds'],
    [code(`1 0x${'ff'.repeat(32)} MSTORE`), 'gas uint64 overflow'],
  ]
  for (const [bytes, words] of cases) {
    const outcome = runCode(bytes)
    assert.deepEqual(outcome.kind === 'halted' ? outcome.reason : outcome.kind, words, toHex(bytes))
  }
  const before = runCode(code('PUSH0'), {}, 'merge')
  assert.equal(before.kind === 'halted' && before.reason, 'invalid opcode: PUSH0')
})

test('storage is not written with the last gas of a call', () => {
  const outcome = runCode(code('1 0 SSTORE'), { gas: 21_000n + 2_300n + 6n })
  assert.equal(
    outcome.kind === 'halted' && outcome.reason,
    'out of gas: not enough gas for reentrancy sentry',
  )
})

test('what contradicts itself or its chain is refused before anything is looked at', () => {
  const world = createWorld({})
  const reasonOf = (input: CallInput) => {
    const outcome = callAt(world, { value: ETHER, ...input })
    return outcome.kind === 'refused' ? [outcome.reason, outcome.suppliedGas] : outcome.kind
  }
  const price = 'both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified'
  assert.deepEqual(reasonOf({ gasPrice: 1n, maxFeePerGas: 1n, chainId: 99n }), [price, undefined])
  assert.deepEqual(reasonOf({ blobVersionedHashes: [] }), ['blob transaction of type create', undefined])
  assert.deepEqual(reasonOf({ chainId: 99n, to: address(1) }), [
    "chainId does not match node's (have=99, want=1)",
    undefined,
  ])
})

test('lengths that no modexp may have are out of gas where they could not be paid for', () => {
  const lengths = (...numbers: bigint[]) => concatBytes(...numbers.map((n) => bigintTo(n, 32)))
  const reasonOf = (input: Uint8Array) => {
    const outcome = callAt(createWorld({}, 'osaka'), { to: bigintTo(5n, 20), input })
    return outcome.kind === 'halted' ? outcome.reason : outcome.kind
  }
  const tooLong = 'one or more of base/exponent/modulus length exceeded 1024 bytes'
  assert.equal(reasonOf(lengths(1_024n, 1n, 1_024n)), 'returned')
  assert.equal(reasonOf(lengths(1_025n, 1n, 1n)), tooLong)
  assert.equal(reasonOf(lengths(1n, 1n, 2n ** 100n)), 'out of gas')
  // 2 · 5,000² is what there is, but for the price of the transaction.
  assert.equal(reasonOf(lengths(39_984n, 1n, 1n)), tooLong)
  assert.equal(reasonOf(lengths(40_000n, 1n, 1n)), 'out of gas')
})

test('the nonce of a call is of no matter, the largest neither', () => {
  assert.equal(callAt(createWorld({}), { to: address(1), nonce: 2n ** 64n - 1n }).kind, 'returned')
})

test('a creation that fails is told in geth’s words', () => {
  const world = createWorld({ 1: { balance: ETHER } })
  const create = (init: Uint8Array, gas = 50_000_000n) =>
    callAt(world, { from: address(1), input: init, gas })
  const reasonOf = (outcome: ReturnType<typeof create>) =>
    outcome.kind === 'halted' || outcome.kind === 'refused' ? outcome.reason : outcome.kind
  assert.equal(reasonOf(create(deploying(fromHex('0xef')))), 'invalid code: must not begin with 0xef')
  assert.equal(reasonOf(create(code('24577 0 RETURN'))), 'max code size exceeded')
  assert.equal(
    reasonOf(create(code('24000 0 RETURN'), 100_000n)),
    'contract creation code storage out of gas',
  )
  assert.equal(
    reasonOf(create(new Uint8Array(49_153))),
    'max initcode size exceeded: code size 49153 limit 49152',
  )
  const deployed = create(deploying(code('STOP')))
  assert.equal(deployed.kind === 'returned' && toHex(deployed.output), '0x00')
})

test('what cannot run is refused in geth’s words, with the gas it was tried with', () => {
  const world = createWorld({ 1: { balance: 1_000n } })
  const from = address(1)
  const who = '0x1000000000000000000000000000000000000001'
  const base = world.header.baseFeePerGas ?? assert.fail('a base fee')
  const cases: [input: CallInput, reason: string][] = [
    [{ gas: 0n }, 'intrinsic gas too low: have 0, want 53000'],
    [{ to: address(2), gas: 20_999n }, 'intrinsic gas too low: have 20999, want 21000'],
    [
      { to: address(2), gas: 21_000n, input: new Uint8Array(1) },
      'intrinsic gas too low: have 21000, want 21004',
    ],
    [
      { to: address(2), gas: 22_000n, input: new Uint8Array(60).fill(1) },
      'insufficient gas for floor data gas cost: have 22000, want 23400',
    ],
    [
      { to: address(2), value: 1_001n },
      `insufficient funds for gas * price + value: address ${who} have 1000 want 1001`,
    ],
    [
      { to: address(2), gas: 21_000n, gasPrice: base },
      `insufficient funds for gas * price + value: address ${who} have 1000 want ${21_000n * base}`,
    ],
    [
      { to: address(2), maxFeePerGas: 1n },
      `max fee per gas less than block base fee: address ${who}, maxFeePerGas: 1, baseFee: ${base}`,
    ],
    [
      { to: address(2), maxFeePerGas: 1n, maxPriorityFeePerGas: 2n },
      `max priority fee per gas higher than max fee per gas: address ${who}, maxPriorityFeePerGas: 2, maxFeePerGas: 1`,
    ],
    [{ to: address(2), blobVersionedHashes: [] }, 'blob transaction missing blob hashes'],
    [{ to: address(2), blobVersionedHashes: [new Uint8Array(32)] }, 'blob 0 has invalid hash version'],
    [{ to: address(2), authorizationList: [] }, `EIP-7702 transaction with empty auth list (sender ${who})`],
  ]
  for (const [input, reason] of cases) {
    const outcome = callAt(world, { from, ...input })
    assert.equal(outcome.kind === 'refused' ? outcome.reason : outcome.kind, reason)
    assert.equal(outcome.kind === 'refused' && outcome.suppliedGas, input.gas ?? 50_000_000n)
  }
  const early = callAt(world, { from, to: address(2), chainId: 5n })
  assert.deepEqual(early, {
    kind: 'refused',
    reason: "chainId does not match node's (have=5, want=1)",
    needsGas: false,
  })
})

test('code sees a base fee of zero where no price is paid, and the block’s where one is', () => {
  const base = 1_000_000_000n
  assert.equal(wordOf(runCode(returning('BASEFEE'))), 0n)
  assert.equal(wordOf(runCode(returning('BASEFEE'), { gasPrice: base, gas: 100_000n })), base)
  assert.equal(wordOf(runCode(returning('GASPRICE'), { gasPrice: base + 5n, gas: 100_000n })), base + 5n)
  const capped = { maxFeePerGas: base * 2n, maxPriorityFeePerGas: 3n, gas: 100_000n }
  assert.equal(wordOf(runCode(returning('GASPRICE'), capped)), base + 3n)
  assert.equal(wordOf(runCode(returning('BLOBBASEFEE'))), 1n)
})

test('gas is the cap where nobody says, and never above it; a contract may be the sender and any nonce will do', () => {
  const world = createWorld({ 1: { balance: ETHER }, 2: { code: returning('GAS') } })
  const left = wordOf(callAt(world, { to: address(2) }))
  assert.ok(left > 49_900_000n && left < 50_000_000n)
  assert.equal(wordOf(callAt(world, { to: address(2), gas: 1n << 60n })), left)
  assert.equal(wordOf(callAt(world, { from: address(2), to: address(2), nonce: 99n })), left)
})

test('value moves within the call, and a call leaves nothing behind', () => {
  const world = createWorld({ 1: { balance: 500n }, 2: { code: returning('SELFBALANCE') } })
  for (let i = 0; i < 2; i++)
    assert.equal(wordOf(callAt(world, { from: address(1), to: address(2), value: 300n })), 300n)
})

test('a revert gives its output', () => {
  const outcome = runCode(code('0x12 0 MSTORE 32 0 REVERT'))
  assert.equal(outcome.kind === 'reverted' && bigintFrom(outcome.output), 0x12n)
})

test('logs of a call that returns are given', () => {
  const outcome = runCode(code('5 0 MSTORE 9 32 0 LOG1 STOP'))
  assert.equal(outcome.kind, 'returned')
  if (outcome.kind !== 'returned') return
  assert.equal(outcome.logs.length, 1)
  assert.equal(bigintFrom(outcome.logs[0]?.topics[0] ?? new Uint8Array()), 9n)
})

test('a call to an account that delegates runs the delegate’s code (EIP-7702)', () => {
  const delegating = concatBytes(fromHex('0xef0100'), address(3))
  const world = createWorld({ 2: { code: delegating }, 3: { code: returning('ADDRESS') } })
  assert.equal(wordOf(callAt(world, { to: address(2) })), bigintFrom(address(2)))
})
