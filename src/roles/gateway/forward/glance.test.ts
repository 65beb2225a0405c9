import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { utf8 } from '#kernel/bytes.ts'
import { METHODS } from '#rpc/method-table.ts'
import { isSettled, readCalls } from './calls.ts'
import { glanceAt } from './glance.ts'

const seen = (body: string) => {
  const glance = glanceAt(utf8(body))
  return glance && { batch: glance.batch, count: glance.count }
}

test('a glance sees calls for replicas as clients write them', () => {
  const one = { batch: false, count: 1 }
  assert.deepEqual(seen('{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x00","latest"]}'), one)
  assert.deepEqual(
    seen('{"method":"eth_call","params":[{"to":"0x00"},"latest"],"id":1,"jsonrpc":"2.0"}'),
    one,
  )
  assert.deepEqual(seen('{"jsonrpc": "2.0", "method": "eth_getLogs", "params": [{}], "id": "a"}'), one)
  assert.deepEqual(seen('[{"method":"eth_getCode"},{"method":"eth_getProof"}]'), { batch: true, count: 2 })
})

test('what is for a master or the gateway, is no method, or stands in an unusual text, is read', () => {
  for (const body of [
    '{"method":"eth_sendRawTransaction","params":["0x00"]}',
    '{"method":"eth_blockNumber"}',
    '{"method":"eth_nothing"}',
    '[{"method":"eth_getCode"},{"method":"txpool_status"}]',
    ' {"method":"eth_getCode"}',
    '{"id":1}',
    '[]',
    '{"method":',
    '"method":"eth_getCode"',
    `{"method":"eth_getCode","params":["${'0'.repeat(64 * 1024)}"]}`,
  ])
    assert.equal(seen(body), undefined, body.slice(0, 60))
})

test('where every name is written plainly and once, a glance says what reading the body says', () => {
  const method = fc.constantFrom(...Object.keys(METHODS), 'eth_nothing', 'eth_getBalance2')
  const call = fc.record(
    {
      jsonrpc: fc.constant('2.0'),
      id: fc.nat(),
      method,
      params: fc.array(fc.constantFrom('0x1', 'latest', '"{')),
    },
    { requiredKeys: ['jsonrpc', 'method'] },
  )
  fc.assert(
    fc.property(fc.oneof(call, fc.array(call, { minLength: 1, maxLength: 6 })), (asked) => {
      const body = JSON.stringify(asked)
      const read = readCalls(utf8(body))
      assert(typeof read !== 'string')
      const allForReplicas = read.items.every((item) => !isSettled(item) && item.where === 'replica')
      assert.deepEqual(seen(body), allForReplicas ? { batch: read.batch, count: read.count } : undefined)
    }),
  )
})
