/** Binds snapshots until told to stop, checks each whole, and counts in the shared array how many different ones it saw. */
import { workerData } from 'node:worker_threads'
import { checkWhole, openCounting } from './counting-chain.ts'

const { path, shared } = workerData as { path: string; shared: Int32Array }
const { store } = openCounting(path, 'reader')
let last = 0
while (Atomics.load(shared, 0) === 0) {
  const snapshot = store.snapshot()
  checkWhole(snapshot)
  if (snapshot.sequence < last) throw new Error('a later snapshot shows an earlier commit')
  if (snapshot.sequence > last) Atomics.add(shared, 1, 1)
  last = snapshot.sequence
  snapshot.release()
}
