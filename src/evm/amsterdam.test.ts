import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { slotAt } from '#chain/delta/delta-builder.ts'
import { decodeRlp } from '#chain/codec/rlp.ts'
import { headerFromFields } from '#chain/header/header-rlp.ts'
import { executionDifference } from '#chain/block/verify-block.ts'
import { executeBlock } from './block/execute-block.ts'
import { toHex } from '#kernel/bytes.ts'
import { SPEC } from '#core/evm-values.ts'
import { floorDataGas, intrinsicGas } from './intrinsic-gas.ts'
import { address, createWorld, nextBlock } from './testing/world.ts'

const SENDER = 1
const KEEPER = 2
/** SLOTNUM NUMBER SSTORE STOP (EIP-7843). */
const KEEPS_SLOT = Uint8Array.of(0x4b, 0x43, 0x55, 0x00)

function slotKept(slotNumber: bigint) {
  const world = createWorld(
    { [SENDER]: { balance: 10n ** 20n }, [KEEPER]: { code: KEEPS_SLOT, nonce: 1 } },
    'amsterdam',
  )
  const made = nextBlock(world, [{ from: address(SENDER), to: address(KEEPER), nonce: 0 }])
  const block = { ...made, header: headerFromFields({ ...made.header, slotNumber }) }
  const executed = executeBlock(block, world.rules, world.view)
  if (executed.kind === 'refused') assert.fail(executed.reason)
  return { block, executed }
}

test('SLOTNUM is the header’s slot number (EIP-7843)', () => {
  const { executed } = slotKept(77n)
  assert.ok(executed.delta.slots.count > 0)
  const values = Array.from({ length: executed.delta.slots.count }, (_, i) => slotAt(executed.delta, i))
  assert.ok(values.some(({ value }) => value[31] === 77 && value.slice(0, 31).every((byte) => byte === 0)))
})

test('a block’s gas is the larger of its regular and its state gas, not what receipts add up to (EIP-8037)', () => {
  const { block, executed } = slotKept(1n)
  const paid = executed.receipts.at(-1)?.cumulativeGasUsed ?? 0n
  assert.ok(executed.gasUsed > 0n && executed.gasUsed < paid, `${executed.gasUsed} of ${paid}`)
  const told = { ...block, header: headerFromFields({ ...block.header, gasUsed: paid }) }
  assert.deepEqual(executionDifference(told, executed), {
    field: 'gasUsed',
    expected: String(paid),
    computed: String(executed.gasUsed),
  })
})

test('the access list holds each account that was touched, and what was written under the index of its writer (EIP-7928)', () => {
  const { block, executed } = slotKept(77n)
  assert.ok(executed.accessList)
  const accounts = new Map(
    (decodeRlp(executed.accessList) as Uint8Array[][]).map(([who, ...rest]) => [
      toHex(who as Uint8Array),
      rest,
    ]),
  )
  assert.deepEqual([...accounts.keys()], [...accounts.keys()].toSorted())
  const first = Uint8Array.of(1)
  const [slots, reads, balances, nonces, codes] = accounts.get(toHex(address(KEEPER))) ?? []
  assert.deepEqual(slots, [[Uint8Array.of(block.header.number), [[first, Uint8Array.of(77)]]]])
  assert.deepEqual([reads, balances, nonces, codes], [[], [], [], []])
  assert.deepEqual(accounts.get(toHex(address(SENDER)))?.[3], [[first, Uint8Array.of(1)]])
  assert.ok(accounts.has(toHex(block.header.beneficiary)))
})

test('a transaction pays for what it touches and for each byte of its access list (EIP-2780, 7976, 7981, 8038)', () => {
  const [from, to] = [address(1), address(2)]
  const none = { from, to, value: 0n, data: new Uint8Array() }
  const gas = (more: object): bigint => intrinsicGas({ ...none, ...more }, SPEC.amsterdam)
  assert.equal(gas({}), 15_000n)
  assert.equal(gas({ value: 1n }), 21_000n)
  assert.equal(gas({ to: from, value: 1n }), 12_000n)
  assert.equal(gas({ to: undefined, value: 1n }), 24_000n)
  const accessList = [{ address: to, storageKeys: [new Uint8Array(32), new Uint8Array(32)] }]
  assert.equal(gas({ accessList }), 15_000n + 2_900n + 20n * 64n + 2n * (2_000n + 32n * 64n))
  const data = Uint8Array.of(0, 1)
  const floor = floorDataGas({ ...none, data, accessList }, SPEC.amsterdam)
  assert.equal(floor, 15_000n + 64n * (2n + 20n + 64n))
  assert.equal(floorDataGas({ ...none, data }, SPEC.prague), 21_000n + 10n * 5n)
})
