/** Fills a store on a small disk with a transaction that does not fit, and says what became of it. Apart, because a mistake ends the process. */
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { utf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'

const ROWS = 30_000
const VALUE_BYTES = 1_800

const kv = openLmdb({ path: process.argv[2] ?? '', mode: 'writer', durable: false })
const key = (i: number): Uint8Array => Uint8Array.of(i * 7, i >>> 8, i)
const value = (i: number): Uint8Array => new Uint8Array(VALUE_BYTES).fill(i)
kv.write((tx) => tx.put('meta', utf8('before'), value(1)))
let outcome = 'committed'
try {
  kv.write((tx) => {
    for (let i = 0; i < ROWS; i++) tx.put('storage', key(i), value(i))
  })
} catch (thrown) {
  outcome = faultCode(thrown) ?? String(thrown)
}
kv.write((tx) => tx.put('meta', utf8('after'), value(2)))
const tx = kv.read()
const rows = {
  before: tx.get('meta', utf8('before'))?.[0],
  after: tx.get('meta', utf8('after'))?.[0],
  storage: tx.seek('storage', Uint8Array.of(0)) !== undefined,
}
tx.release()
await kv.close()
console.log(JSON.stringify({ outcome, ...rows }))
