/** `npm run conformance` without a URL: the suite's chain imported, a replica that follows it, and every file that it can answer passes. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { needs } from '#test/support/needs.ts'
import { suiteFiles } from '#tools/conformance/suite.ts'
import { SUITE } from './suite-answerer.ts'

/** What replicas do not answer yet, and what only an execution client can. */
const LATER = [
  'debug_trace',
  'eth_createAccessList',
  'eth_sendRawTransaction',
  'eth_simulateV1',
  'testing_',
  'txpool_',
]

test('a cluster that follows the suite’s chain passes all files about blocks, state, calls and fees', {
  ...needs('shared'),
  timeout: 180_000,
}, () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['tools/conformance.ts', '--suite', SUITE], {
    encoding: 'utf8',
  })
  const failed = [...stdout.matchAll(/^failed (\S+): (.*)$/gm)]
  const unexpected = failed.filter(([, file]) => !LATER.some((method) => file?.startsWith(method)))
  assert.deepEqual(
    unexpected.map(([line]) => line),
    [],
  )
  const files = suiteFiles(SUITE)
  const later = files.filter((file) => LATER.some((method) => file.startsWith(method)))
  assert.match(stdout, / passed, \d+ failed, 0 skipped\n$/, stderr)
  assert.ok(failed.length <= later.length && later.length < files.length)
})
