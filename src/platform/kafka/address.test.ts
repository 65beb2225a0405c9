import assert from 'node:assert/strict'
import test from 'node:test'
import { faultCode } from '#kernel/fault.ts'
import { isKafkaAddress, parseKafkaAddress, topicOf } from './address.ts'

test('an address names brokers, the cluster and, where it is not the first, the generation', () => {
  assert.deepEqual(parseKafkaAddress('kafka://k1:9092,[::1]:9093/mainnet'), {
    brokers: ['k1:9092', '[::1]:9093'],
    cluster: 'mainnet',
    generation: 1,
  })
  const third = parseKafkaAddress('kafka://k1:9092/main_net-2?generation=3')
  assert.equal(topicOf(third, 137n), 'drover.main_net-2.137.3')
  assert.equal(isKafkaAddress('unix:/tmp/feed.sock'), false)
})

test('what is not such an address is refused, and says what it should be', () => {
  for (const address of [
    'kafka://',
    'kafka://k1:9092',
    'kafka://k1/mainnet',
    'kafka://k1:0/mainnet',
    'kafka://k1:65536/mainnet',
    'kafka://k1:9092,/mainnet',
    'kafka://user:word@k1:9092/mainnet',
    'kafka://k1:9092/main net',
    'kafka://k1:9092/mainnet?generation=0',
    'kafka://k1:9092/mainnet/more',
  ])
    assert.throws(
      () => parseKafkaAddress(address),
      (thrown) => faultCode(thrown) === 'options/feed' && (thrown as Error).message.includes('kafka'),
      address,
    )
  assert.throws(
    () => topicOf({ brokers: [], cluster: 'x'.repeat(240), generation: 1 }, 1),
    (thrown) => faultCode(thrown) === 'options/feed',
  )
})
