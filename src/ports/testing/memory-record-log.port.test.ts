import assert from 'node:assert/strict'
import test from 'node:test'
import { utf8 } from '#kernel/bytes.ts'
import { recordLogContract } from '#ports/record-log.contract.ts'
import { createMemoryRecordLog } from './memory-record-log.ts'

recordLogContract('memory', async () => {
  const log = createMemoryRecordLog()
  return { log, again: async () => log, end: () => log.close() }
})

test('what retention has dropped is too old, not empty', async () => {
  const log = createMemoryRecordLog()
  await log.append([utf8('a'), utf8('b')])
  log.trimBefore(1)
  await assert.rejects(log.read(0, { maxBytes: 10 }), { code: 'feed/too-old' })
  assert.deepEqual(await log.bounds(), { first: 1, next: 2 })
})
