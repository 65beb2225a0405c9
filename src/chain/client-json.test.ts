/** What execution clients answered, recorded: blocks and transactions must be rebuilt from it byte for byte. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import '#test/support/core.ts'
import { equalBytes, fromHex, toHex } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { headerFromJson } from './header/header-json.ts'
import { recoverSender } from './transaction/sender.ts'
import { transactionFromJson } from './transaction/transaction-json.ts'
import { decodeTransaction } from './transaction/transaction-rlp.ts'

type Json = Record<string, unknown>

function answers(method: string): Json[] {
  const dir = join(SHARED, 'conformance', 'execution-apis', method)
  return readdirSync(dir).flatMap((name) =>
    readFileSync(join(dir, name), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('<< '))
      .map((line) => (JSON.parse(line.slice(3)) as Json)['result'] as Json)
      .filter((result) => typeof result === 'object' && result !== null),
  )
}

test('headers that a client answered are rebuilt to their hashes', needs('shared'), () => {
  const blocks = [...answers('eth_getBlockByNumber'), ...answers('eth_getBlockByHash')]
  for (const block of blocks) {
    const header = headerFromJson(block)
    assert.equal(header.hash, block['hash'])
    assert.throws(
      () => headerFromJson({ ...block, timestamp: '0x1' }),
      (thrown) => faultCode(thrown) === 'chain/header-mismatch',
    )
  }
  assert.ok(blocks.length >= 8)
})

test(
  'transactions that a client answered are rebuilt to their hashes, and signed by whom it says',
  needs('shared'),
  () => {
    const inBlocks = [...answers('eth_getBlockByNumber'), ...answers('eth_getBlockByHash')].flatMap((block) =>
      (block['transactions'] as (Json | string)[]).filter((t): t is Json => typeof t === 'object'),
    )
    const alone = [
      ...answers('eth_getTransactionByHash'),
      ...answers('eth_getTransactionByBlockNumberAndIndex'),
      ...answers('eth_getTransactionByBlockHashAndIndex'),
    ]
    const types = new Set<number>()
    for (const json of [...inBlocks, ...alone]) {
      const transaction = transactionFromJson(json)
      types.add(transaction.type)
      assert.equal(toHex(transaction.hash), json['hash'])
      assert.equal(toHex(recoverSender(transaction) ?? assert.fail('a sender')), json['from'])
      assert.throws(
        () => transactionFromJson({ ...json, nonce: '0xffff' }),
        (thrown) => faultCode(thrown) === 'chain/transaction-mismatch',
      )
      assert.throws(
        () => transactionFromJson({ ...json, type: '0x7e' }),
        (thrown) => faultCode(thrown) === 'chain/unknown-transaction-type',
      )
    }
    assert.ok(types.has(0) && types.has(2) && types.has(3) && types.has(4), `types ${[...types]}`)
  },
)

test('transactions of real chains are sent by whom their traces say', needs('shared'), () => {
  const dir = join(SHARED, 'conformance', 'geth-traces', 'call_tracer')
  let count = 0
  for (const name of readdirSync(dir)) {
    const { input, result } = JSON.parse(readFileSync(join(dir, name), 'utf8')) as {
      input?: string
      result?: Json
    }
    if (typeof input !== 'string' || result === undefined) continue
    const transaction = decodeTransaction(fromHex(input))
    assert.ok(equalBytes(transaction.raw, fromHex(input)))
    assert.equal(toHex(recoverSender(transaction) ?? assert.fail('a sender')), result['from'], name)
    count++
  }
  assert.ok(count >= 10, `${count} transactions`)
})
