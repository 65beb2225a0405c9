import { recordLogContract } from '#ports/record-log/record-log.contract.ts'
import { createMemoryRecordLog } from './memory-record-log.ts'

recordLogContract('memory', async () => {
  const log = createMemoryRecordLog()
  return { log, again: async () => log, end: () => log.close() }
})
