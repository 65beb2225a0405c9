/** Binds snapshots until told to stop, tells each head that it sees, and fails at one that may be served and is none of `ends`. */
import '#test/support/core.ts'
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { openStore } from '#state/open-store.ts'
import { stored } from '#state/testing/stored.ts'

const { path, ends, stop } = workerData as { path: string; ends: readonly string[]; stop: Int32Array }
const kv = openLmdb({ path, mode: 'reader', durable: false })
const store = openStore(kv, { compress: stored })
let last = ''
while (Atomics.load(stop, 0) === 0) {
  const snapshot = store.snapshot()
  const { head } = snapshot.heads
  const isServed = snapshot.catchingUpTo === undefined
  snapshot.release()
  if (!isServed || head.hash === last) continue
  assert.ok(ends.includes(head.hash), `a reader sees block ${head.number}, in the middle of a switch`)
  last = head.hash
  parentPort?.postMessage(last)
}
await kv.close()
