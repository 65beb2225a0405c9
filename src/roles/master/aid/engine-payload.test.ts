import '#test/support/core.ts'
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Block } from '#chain/block/frame.ts'
import type { Header } from '#chain/header/header.ts'
import { createChainBuilder } from '#state/testing/frame-builder.ts'
import { newPayload, whyNoPayload } from './engine-payload.ts'

const { block } = createChainBuilder().next({ withdrawals: [] })
const word = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const with_ = (fields: Partial<Header>): Block => ({
  ...block,
  header: { ...block.header, difficulty: 0n, ...fields },
})
const cancun = { parentBeaconBlockRoot: word(7), blobGasUsed: 0n, excessBlobGas: 16n }

test('each fork has its own call', () => {
  assert.equal(newPayload(with_({}), {}).method, 'engine_newPayloadV2')
  const third = newPayload(with_(cancun), {})
  assert.equal(third.method, 'engine_newPayloadV3')
  assert.deepEqual(third.params.slice(1), [[], `0x${'07'.repeat(32)}`])
  const requests = [Uint8Array.of(0), Uint8Array.of(1, 2, 3), Uint8Array.of(2)]
  const fourth = newPayload(with_({ ...cancun, requestsHash: word(1) }), { requests })
  assert.equal(fourth.method, 'engine_newPayloadV4')
  assert.deepEqual(fourth.params[3], ['0x010203'], 'requests without data are left out')
  const amsterdam = with_({ ...cancun, requestsHash: word(1), blockAccessListHash: word(2), slotNumber: 18n })
  const fifth = newPayload(amsterdam, { requests, accessList: Uint8Array.of(0xc0) })
  assert.equal(fifth.method, 'engine_newPayloadV5')
  const [payload] = fifth.params as [Record<string, unknown>]
  assert.deepEqual([payload['blockAccessList'], payload['slotNumber']], ['0xc0', '0x12'])
})

test('a payload holds quantities without leading zeros, and no field of a later fork', () => {
  const [payload] = newPayload(with_({}), {}).params as [Record<string, unknown>]
  assert.equal(payload['blockNumber'], '0x1')
  assert.equal(payload['blockHash'], block.header.hash)
  assert.deepEqual(payload['withdrawals'], [])
  assert.ok(!('excessBlobGas' in payload))
  const [later] = newPayload(with_(cancun), {}).params as [Record<string, unknown>]
  assert.equal(later['excessBlobGas'], '0x10')
})

test('blocks that have no payload are named', () => {
  assert.equal(whyNoPayload(with_({})), undefined)
  assert.match(whyNoPayload(with_({ difficulty: 1n })) ?? '', /before the Merge/)
})
