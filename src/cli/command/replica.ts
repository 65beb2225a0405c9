/** `drover replica`: one process with an applier thread and answer threads. */
import { readFileSync } from 'node:fs'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { installCommittedCore } from '#cli/process/core.ts'
import { feedOpener, kafkaOptions } from '#cli/process/feed.ts'
import { httpOptions } from '#cli/process/http.ts'
import { loggerFor, logOptions } from '#cli/process/logging.ts'
import { runService } from '#cli/process/service.ts'
import { type ReplicaOrder, takeOrders } from '#cli/process/threads/replica-orders.ts'
import { startReplicaThreads } from '#cli/process/threads/replica-threads.ts'
import { httpLimits } from '#platform/http/limits.ts'
import { kafkaLimits } from '#platform/kafka/limits.ts'
import { storeLimits } from '#platform/lmdb/limits.ts'
import { claimPort } from '#platform/net/port-claim.ts'
import { createProcessMemory } from '#platform/memory/memory.ts'
import { SHARED_MEMORY_BYTES, shareMemory } from '#platform/memory/shared.ts'
import { memoryLimits } from '#ports/memory-guard.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { replicaOptions } from '#roles/replica/options.ts'
import { rpcLimits } from '#rpc/limits.ts'
import { defineCommand } from './command.ts'

export const replicaCommand = defineCommand({
  name: 'replica',
  summary: 'applies the feed to a store and answers JSON-RPC',
  text: `
Follows a feed from where its store stands and answers at one exact block.
  drover replica --id r1 --genesis genesis.json --feed 127.0.0.1:8650 --data ./r1 --port 8555 --link 127.0.0.1:8556`,
  options: { ...replicaOptions, ...kafkaOptions, ...httpOptions, ...logOptions },
  limits: { ...kafkaLimits, ...httpLimits, ...rpcLimits, ...replicaLimits, ...storeLimits, ...memoryLimits },
  async run({ values }) {
    const log = loggerFor(values.id, values)
    // Read here too, so that a wrong file or feed is one clear line and not a thread's failure.
    installCommittedCore()
    const { config } = readGenesis(values.genesisPath)
    feedOpener(values.feed, values, { chainId: config.chainId, mayCreate: false })
    await runService('replica', log, async (scope) => {
      const claim = await claimPort(values.host, values.port)
      scope.defer(() => claim.release())
      if (!claim.canShare)
        log.warn('this system does not share a port among threads: one answer thread', { port: claim.port })
      const memory = new SharedArrayBuffer(SHARED_MEMORY_BYTES)
      const processMemory = createProcessMemory({ maxBytes: values.memoryMaxBytes })
      shareMemory(processMemory, memory)
      const reading = setInterval(
        () => shareMemory(processMemory, memory),
        memoryLimits.memoryReadEveryMs.value,
      )
      scope.defer(() => clearInterval(reading))
      const threads = await startReplicaThreads(
        { replica: values, clientVersion: `drover/v${version()}`, port: claim, memory },
        log,
        scope,
      )
      const carryOut = async (order: ReplicaOrder): Promise<void> => {
        if (order === 'renew') return threads.renew()
        await threads.drain(values.drainNoticeMs)
        void scope.close().catch(() => {}) // told to whoever waits for the end of the service
      }
      takeOrders(values.dataPath, carryOut, log)
      return { link: values.link }
    })
  },
})

/** Of this package. */
function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
