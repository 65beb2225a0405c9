/** Binds snapshots until told to stop, checks each whole, and reports how many it saw and how many different ones. */
import { parentPort, workerData } from 'node:worker_threads'
import { checkWhole, openCounting } from './counting-chain.ts'

const { path, stop } = workerData as { path: string; stop: Int32Array }
const { store } = openCounting(path, 'reader')
let bound = 0
let last = 0
let different = 0
while (Atomics.load(stop, 0) === 0) {
  const snapshot = store.snapshot()
  checkWhole(snapshot)
  if (snapshot.sequence < last) throw new Error('a later snapshot shows an earlier commit')
  if (snapshot.sequence > last) different += 1
  last = snapshot.sequence
  bound += 1
  snapshot.release()
}
parentPort?.postMessage({ bound, different })
