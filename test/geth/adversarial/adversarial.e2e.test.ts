/** The short run of `npm run adversarial`. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { needs } from '#test/support/needs.ts'
import { runAdversarial } from './run.ts'

for (const { fork, blocks } of [
  { fork: 'osaka', blocks: 80 },
  { fork: 'amsterdam', blocks: 50 },
] as const)
  test(`${fork}: random mixtures of all traps give geth’s state root, receipts root, requests hash and proofs in every block`, {
    ...needs('geth'),
    timeout: 300_000,
  }, async () => {
    const { vectors, requests, failedTransactions } = await runAdversarial({ blocks, seed: 1, fork })
    assert.ok(
      vectors.size > 40 && requests > 5 && failedTransactions > 5,
      `${vectors.size} vectors, ${requests} requests`,
    )
  })
