/** A short run of `npm run differential`: random requests to geth and to a cluster at the same block are answered alike. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { needs } from '#test/support/needs.ts'
import { startJudgedCluster } from '#tools/differential/chain.ts'
import { runDifferential } from '#tools/differential/run.ts'

const REQUESTS = 2_000
const BLOCKS = 45

test('random requests, valid and not, are answered as geth answers them', {
  ...needs('geth'),
  timeout: 180_000,
}, async () => {
  const { urls, facts, stop } = await startJudgedCluster({ seed: 'test', blocks: BLOCKS })
  try {
    const said: string[] = []
    const report = await runDifferential({ requests: REQUESTS, seed: 'test', urls, facts }, (line) =>
      said.push(line),
    )
    assert.equal(report.different, 0, said.join('\n'))
    const allowed = [...report.allowed.values()].reduce((sum, count) => sum + count, 0)
    assert.ok(allowed < REQUESTS / 10, `${allowed} of ${REQUESTS} differ on purpose`)
  } finally {
    await stop()
  }
})
