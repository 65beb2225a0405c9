/** Catches up for some transactions, then says so and waits to be killed: `node catching-up-process.ts PATH TRANSACTIONS`. */
import { writeSync } from 'node:fs'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { farFeed, live } from './far-behind.ts'

const kv = openLmdb({ path: process.argv[2] ?? '', mode: 'writer', durable: false })
let left = Number(process.argv[3])
const counted: KeyValue = {
  ...kv,
  write(change) {
    const done = kv.write(change)
    if (--left > 0) return done
    writeSync(1, '.')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    throw new Error('nobody wakes it')
  },
}
await live(await farFeed(), counted, 8)
