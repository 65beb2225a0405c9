/** A short run of `npm run differential`: random requests to geth and to a cluster at the same block are answered alike. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { SUITE } from '#test/conformance/suite-answerer.ts'
import { needs } from '#test/support/needs.ts'
import {
  type JudgedCluster,
  obituaries,
  startJudgedCluster,
  startJudgedSuite,
} from '#tools/differential/chain.ts'
import { runDifferential } from '#tools/differential/run.ts'

const REQUESTS = 2_000
const BLOCKS = 45
const SUITE_REQUESTS = 1_000

async function judge({ urls, facts, processes, stop }: JudgedCluster, requests: number): Promise<void> {
  try {
    const said: string[] = []
    const report = await runDifferential({ requests, seed: 'test', urls, facts }, (line) => said.push(line))
    assert.equal(report.different, 0, said.join('\n'))
    const allowed = [...report.allowed.values()].reduce((sum, count) => sum + count, 0)
    assert.ok(allowed < requests / 10, `${allowed} of ${requests} differ on purpose`)
  } catch (thrown) {
    throw new Error(`${String(thrown)}\n${obituaries(processes)}`, { cause: thrown })
  } finally {
    await stop()
  }
}

for (const fork of ['osaka', 'amsterdam'] as const)
  test(
    `random requests, valid and not, on a chain of ${fork} are answered as geth answers them`,
    {
      ...needs('geth'),
      timeout: 180_000,
    },
    async () => judge(await startJudgedCluster({ seed: 'test', blocks: BLOCKS, fork }), REQUESTS),
  )

test(
  'so are those about a chain that went through all forks',
  {
    ...needs('geth', 'shared'),
    timeout: 180_000,
  },
  async () => judge(await startJudgedSuite(SUITE), SUITE_REQUESTS),
)
