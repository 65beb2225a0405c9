import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toGethDialect } from './dialect.ts'

/** What anvil 1.7.1 answered, and what geth 1.17 says to the same request. */
const cases: readonly [number, string, number, string][] = [
  [-32003, 'transaction already imported', -32000, 'already known'],
  [-32003, 'replacement transaction underpriced', -32000, 'replacement transaction underpriced'],
  [-32003, 'nonce too low', -32000, 'nonce too low'],
  [
    -32003,
    'Insufficient funds for gas * price + value',
    -32000,
    'insufficient funds for gas * price + value',
  ],
  [-32003, 'max fee per gas less than block base fee', -32000, 'max fee per gas less than block base fee'],
  [-32000, 'intrinsic gas too high -- tx.gas_limit > env.block.gas_limit', -32000, 'exceeds block gas limit'],
  [-32003, 'invalid chain id for signer', -32000, 'invalid chain id for signer'],
  [-32602, 'Failed to decode transaction', -32000, 'rlp: the transaction cannot be decoded'],
  [-32602, 'BlockOutOfRangeError: block height is 1 but requested was 65535', -32000, 'header not found'],
  [-32601, 'Method not found', -32601, 'the method eth_test does not exist/is not available'],
]
for (const [code, message, gethCode, gethMessage] of cases)
  test(`"${message}" is said as geth says it`, () => {
    assert.deepEqual(toGethDialect('eth_test', { code, message }), { code: gethCode, message: gethMessage })
  })

test('revert data and unknown errors pass as they came', () => {
  const reverted = { code: 3, message: 'execution reverted', data: '0x1234' }
  assert.deepEqual(toGethDialect('eth_call', reverted), reverted)
  const odd = { code: -39999, message: 'Something Else' }
  assert.deepEqual(toGethDialect('eth_call', odd), odd)
})
