/** Whether the healed cluster has come to rest: everybody stands at the clients' head. */
import type { Consensus } from '#sim/client/consensus.ts'
import type { Cluster } from '#sim/cluster/cluster.ts'
import { stored } from '#sim/storage/stored.ts'
import { openStore } from '#state/open-store.ts'

/** What is not there yet, or undefined. */
export function atRest(cluster: Cluster, consensus: Consensus): string | undefined {
  const { head, safe, finalized } = consensus.canonical()
  for (const { client, process } of cluster.clients)
    if (client.head() !== head) return `${process.name} stands at block ${client.head().number}`
  for (const { process, disk } of cluster.replicas) {
    const store = openStore(disk.kv, { compress: stored })
    if (store.identity() === undefined) return `${process.name} has no store`
    const snapshot = store.snapshot()
    const { heads } = snapshot
    snapshot.release()
    if (heads.head.hash !== head.hash) return `${process.name} stands at block ${heads.head.number}`
    // Who did not see that branch go keeps the higher one (docs/decisions/0006).
    const isSafe =
      heads.safe.hash === safe.hash || (heads.safe.number > safe.number && consensus.wasSafe(heads.safe.hash))
    if (!isSafe || heads.finalized.hash !== finalized.hash)
      return `${process.name} knows safe ${heads.safe.number} and finalized ${heads.finalized.number}, not ${safe.number} and ${finalized.number}`
  }
  const status = cluster.runningGateway()?.status()
  if (status?.head?.hash !== head.hash) return `the gateway serves block ${status?.head?.number ?? 'none'}`
  if (status.replicas.some(({ routable }) => !routable)) return 'the gateway does not ask every replica'
  return undefined
}
