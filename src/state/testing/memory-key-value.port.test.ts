import { keyValueContract } from '#ports/key-value.contract.ts'
import { memoryKeyValue } from './memory-key-value.ts'

keyValueContract({ name: 'memory', open: memoryKeyValue, numRuns: 100 })
