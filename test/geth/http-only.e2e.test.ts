/** A master beside a real geth at its HTTP port, which has no WebSocket: heads are polled. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { bodiesOf, wholeCounts } from '#test/master/feed.ts'
import { startMaster } from '#test/master/one-master.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { Devnet } from './devnet.ts'

const WAIT_MS = 60_000
const BLOCKS = 5

test('a geth without WebSocket is followed block by block', {
  ...needs('geth'),
  timeout: 180_000,
}, async () => {
  const net = await Devnet.start({ alloc: {} })
  const [node] = net.nodes
  assert.ok(node)
  const log = createMemoryRecordLog()
  const genesisText = readFileSync(net.genesisFile, 'utf8')
  const master = startMaster({ url: node.http, genesisText, openLog: async () => log, kv: memoryKeyValue() })
  try {
    for (let i = 0; i < BLOCKS; i++) {
      const { hash, number } = await net.produce()
      await waitFor(`block ${number} is named`, WAIT_MS, async () =>
        (await bodiesOf(log, 'headEvent')).at(-1)?.head.hash === hash ? true : undefined,
      )
    }
    const counts = await wholeCounts(log)
    assert.equal(counts.size, BLOCKS)
    assert.ok([...counts.values()].every((count) => count === 1))
  } finally {
    await master.stop()
    await net.stop()
  }
})
