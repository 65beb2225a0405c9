import { keyValueContract } from '#ports/storage/key-value.contract.ts'
import { memoryKeyValue } from './memory-key-value.ts'

keyValueContract({ name: 'memory', open: memoryKeyValue, numRuns: 100 })
