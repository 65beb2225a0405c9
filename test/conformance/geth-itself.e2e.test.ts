/** The runner judged by the client that the suite was recorded from: what geth answers about the same chain passes, whole. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { needs } from '#test/support/needs.ts'
import { startGethOnSuite } from './geth-on-suite.ts'
import { SUITE } from './suite-answerer.ts'

test('geth passes every file of the suite', { ...needs('shared', 'geth'), timeout: 120_000 }, async () => {
  const { node, stop } = await startGethOnSuite()
  const run = (...more: string[]) => {
    const words = ['tools/conformance.ts', '--suite', SUITE, '--url', node.http, ...more]
    const { stdout, status } = spawnSync(process.execPath, words, { encoding: 'utf8' })
    return { stdout, status }
  }
  try {
    const whole = run()
    assert.match(whole.stdout, /^\d{3} passed, 0 failed, 0 skipped\n$/)
    assert.equal(whole.status, 0)

    // The same node one block lower does not pass.
    await node.rpc('debug_setHead', '0x35')
    assert.deepEqual(run('--only', 'eth_blockNumber'), {
      stdout:
        'failed eth_blockNumber/simple-test.io: result: expected "0x36", got "0x35"\n0 passed, 1 failed, 0 skipped\n',
      status: 1,
    })
  } finally {
    await stop()
  }
})
