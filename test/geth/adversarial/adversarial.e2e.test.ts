/** The short run of `npm run adversarial`. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { needs } from '#test/support/needs.ts'
import { runAdversarial } from './run.ts'

test('random mixtures of all traps give geth’s state root, receipts root, requests hash and proofs in every block', {
  ...needs('geth'),
  timeout: 300_000,
}, async () => {
  const { vectors, requests, failedTransactions } = await runAdversarial({
    blocks: 80,
    seed: 1,
    fork: 'osaka',
  })
  assert.ok(
    vectors.size > 45 && requests > 5 && failedTransactions > 5,
    `${vectors.size} vectors, ${requests} requests`,
  )
})
