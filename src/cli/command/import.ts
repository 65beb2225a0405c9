/** `drover import`: a chain file becomes a store, and where a feed is given that feed's content. */
import { availableParallelism } from 'node:os'
import { MessageChannel } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { clusterIn, feedOpener, kafkaOptions } from '#cli/process/feed.ts'
import { loggerFor, logOptions } from '#cli/process/logging.ts'
import { bar, startProgress, timeLeft } from '#cli/process/progress.ts'
import { startSenderPool } from '#cli/process/threads/sender-pool.ts'
import { runTask } from '#cli/process/task.ts'
import { startThread } from '#cli/process/threads/worker.ts'
import { Fault } from '#kernel/fault.ts'
import { createClock } from '#platform/clock/clock.ts'
import { openReadable } from '#platform/disk/readable-file.ts'
import { kafkaLimits } from '#platform/kafka/limits.ts'
import { storeLimits } from '#platform/lmdb/limits.ts'
import { createRandom } from '#platform/random/random.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { OptionTable } from '#ports/options.ts'
import { sharedMetersBytes } from '#ports/meter/shared-meters.ts'
import { openFeedSink, openNoSink } from '#roles/master/publish/feed-sink.ts'
import { importChain, type ImportProgress } from '#roles/master/execute/importer.ts'
import { masterLimits } from '#roles/master/limits.ts'
import { type ExecutorReply, type ExecutorRequest, openExecutorDoor } from '#roles/master/execute/messages.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'
import { masterOptions } from '#roles/master/options.ts'
import { defineCommand } from './command.ts'

const BEAT_MS = 1_000

const importOptions = {
  id: {
    ...masterOptions.id,
    default: 'import',
    help: 'name under which the file is published, unique in its cluster',
  },
  genesisPath: masterOptions.genesisPath,
  dataPath: {
    flag: 'data',
    type: 'text',
    value: 'DIR',
    help: 'the store that the blocks are executed on: FILE.store where it is not given; a killed import goes on there',
  },
  feed: {
    flag: 'feed',
    type: 'text',
    value: 'ADDRESS',
    help: 'host:port or unix:PATH of a feed host, or kafka://HOST:PORT[,HOST:PORT]/CLUSTER, where the blocks are published; without, they are only executed',
  },
  cluster: masterOptions.cluster,
  trie: {
    flag: 'trie',
    type: 'switch',
    default: 'true',
    help: 'prove every state root; --trie=false is faster, and stops before blocks older than Byzantium',
  },
  senderThreads: {
    flag: 'sender-threads',
    type: 'integer',
    default: String(Math.min(availableParallelism(), 8)),
    min: 1,
    max: 64,
    help: 'threads that recover who signed the transactions',
  },
  stay: {
    flag: 'stay',
    type: 'switch',
    help: 'stay as the master of the cluster when all is published, until stopped',
  },
} as const satisfies OptionTable

export const importCommand = defineCommand({
  name: 'import',
  summary: 'executes and proves a chain file, into a store and onto a feed',
  text: `
The file is blocks as RLP, one after another, as execution clients export them. Every block is proven by its header, state root included.
  drover import chain.rlp --genesis genesis.json --feed 127.0.0.1:8650 --data ./import`,
  options: { ...importOptions, ...kafkaOptions, ...logOptions },
  limits: { ...kafkaLimits, ...masterLimits, ...storeLimits },
  async run({ values, operands }) {
    const [path, ...more] = operands
    if (path === undefined || more.length > 0)
      throw new Fault(
        'options/missing',
        'drover import takes one chain file: drover import chain.rlp --genesis genesis.json',
      )
    installCommittedCore()
    const genesis = readGenesis(values.genesisPath)
    const log = loggerFor(values.id, values)
    await runTask('import', async (scope, stop) => {
      const file = await openReadable(path)
      scope.defer(() => file.close())
      const meters = new SharedArrayBuffer(sharedMetersBytes(1))
      const channel = new MessageChannel()
      const dataPath = values.dataPath ?? `${path}.store`
      await startThread(scope, {
        name: 'executor',
        entry: new URL('../thread/executor.ts', import.meta.url),
        data: {
          options: { ...values, dataPath },
          follower: channel.port2,
          meters,
          region: 0,
          durable: false,
        },
        transfer: [channel.port2],
      })
      const executor = openExecutorDoor(createMailbox<ExecutorRequest, ExecutorReply>(channel.port1))
      scope.defer(() => channel.port1.close())
      scope.defer(() => executor.close())
      const pool = await startSenderPool(values.senderThreads, scope)
      const { feed } = values
      const { sink, start } =
        feed === undefined
          ? await openNoSink(executor, genesis)
          : await openFeedSink(
              { id: values.id, cluster: clusterIn({ feed, cluster: values.cluster }), beatMs: BEAT_MS },
              {
                openLog: feedOpener(feed, values, { chainId: genesis.config.chainId, mayCreate: true }),
                executor,
                genesis,
                clock: createClock(),
                random: createRandom(),
                log,
                metrics: createMasterMetrics(createMeterRegistry()),
              },
              scope,
            )
      const progress = startProgress(process.stderr)
      const startedMs = performance.now()
      let last: ImportProgress | undefined
      const parts = {
        ...{ file, genesis, executor, sink },
        recoverSenders: pool.recover,
        onProgress(now: ImportProgress) {
          last = now
          progress.show(() => line(now, performance.now() - startedMs))
        },
      }
      process.send?.({ kind: 'ready', from: start.number }, undefined, undefined, () => {})
      const head = await importChain(parts, start, stop)
      const elapsedMs = performance.now() - startedMs
      progress.end(last === undefined ? `nothing is new: head ${head.number}` : line(last, elapsedMs))
      log.info(stop.aborted ? 'stopped' : 'imported', {
        head: head.number,
        hash: head.hash,
        blocks: last?.blocks ?? 0,
        ...(last && rates(last, elapsedMs)),
      })
      if (values.stay && !stop.aborted) {
        sink.phase('serving')
        await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()))
      }
      sink.phase('draining')
      await sink.flushed()
    })
  },
})

function rates({ blocks, gasUsed }: ImportProgress, elapsedMs: number) {
  const seconds = elapsedMs / 1_000
  return {
    seconds: Number(seconds.toFixed(1)),
    blocksPerSecond: Math.round(blocks / seconds),
    mgasPerSecond: Math.round(Number(gasUsed) / 1e6 / seconds),
  }
}

function line(progress: ImportProgress, elapsedMs: number): string {
  const { blocksPerSecond, mgasPerSecond } = rates(progress, elapsedMs)
  const left = timeLeft(progress.bytes, progress.ofBytes, elapsedMs)
  return `${bar(progress.bytes, progress.ofBytes)}  block ${progress.block.number}  ${blocksPerSecond} blocks/s  ${mgasPerSecond} Mgas/s  ${left} left`
}
