/**
 * A store that is N blocks of profile M1 behind, brought to the end of a feed in another process by the production code: final blocks many at
 * once, with a thread that reads ahead, the last ones with history, then the index of logs; against the applier alone over the first of the
 * same blocks. A day is 7,200 blocks; the blocks with history are as many whatever the distance. CPU is this process's, of all its threads.
 * Flags: --slots, --blocks, --trie (1: stores with a state trie), --feed embedded|kafka, --reader 0 for no thread that reads ahead.
 */
import '#test/support/core.ts'
import type { Frame } from '#chain/block/frame.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { StartReader } from '#roles/replica/read-ahead/ready-frame.ts'
import { openStore } from '#state/open-store.ts'
import { wholeFlag, wordFlag } from '#tools/flags.ts'
import type { Bench, BenchRow } from './bench.ts'
import { createBlocks } from './m1/blocks.ts'
import { startM1Feed } from './m1/feed.ts'
import { genesis, preloadedStores, removeStores } from './m1/preload.ts'
import { startReplica } from './m1/replica.ts'
import { rootAfter } from './m1/root-after.ts'
import { createWorld } from './m1/world.ts'
import { FEEDS } from './publish-feed.ts'

const DAY_BLOCKS = 7_200
const HORIZON_BLOCKS = 128
const FINAL_BELOW_HEAD = 64

export const bench: Bench = {
  name: 'catch-up',
  summary: 'a store far behind brought to the end of its feed, against the applier alone',
  flags: ['slots', 'blocks', 'trie', 'reader', 'feed'],
  async run(options) {
    const slots = wholeFlag(options.flags, 'slots', options.quick ? 500_000 : 10_000_000)
    const blocks = wholeFlag(options.flags, 'blocks', options.quick ? 384 : 1_152, 2 * HORIZON_BLOCKS + 1)
    const kind = wordFlag(options.flags, 'feed', FEEDS) ?? 'embedded'
    const trie = options.flags['trie'] === undefined ? undefined : 'trie'
    const { folder, paths } = await preloadedStores(slots, ['far', 'alone', 'root'], options.say, trie)
    const rooted = trie && openLmdb({ path: paths[2] as string, mode: 'writer', durable: false })
    try {
      const feed = await startM1Feed({
        ...{ kind, folder, blocks, finalBelowHead: FINAL_BELOW_HEAD },
        ...{ next: blocksOn(rooted, slots), say: options.say },
      })
      try {
        await rooted?.close()
        const startReader = options.flags['reader'] === '0' ? undefined : feed.startReader
        const log = await feed.open()
        return await measure({ log, startReader }, paths as [string, string, string], { slots, blocks })
      } finally {
        await feed.stop()
      }
    } finally {
      removeStores(folder)
    }
  },
}

/** @param rooted a store with a state trie, which says what each root is */
function blocksOn(rooted: KeyValue | undefined, slots: number): () => Frame {
  const compress = createZstd()
  const rootOf = rooted && rootAfter(rooted, compress)
  const next = createBlocks(createWorld(slots), genesis.header, { rootOf })
  return () => {
    const frame = next()
    if (rooted !== undefined) openStore(rooted, { compress }).commit((writer) => writer.apply(frame))
    return frame
  }
}

interface Spent {
  readonly seconds: number
  readonly cpuSeconds: number
}

async function spent(work: () => Promise<void> | void): Promise<Spent> {
  const startMs = performance.now()
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - startMs) / 1e3, cpuSeconds: (user + system) / 1e6 }
}

async function measure(
  { log, startReader }: { readonly log: RecordLog; readonly startReader: StartReader | undefined },
  [farPath, alonePath]: [string, string, string],
  { slots, blocks }: { readonly slots: number; readonly blocks: number },
): Promise<{ rows: BenchRow[]; more: Record<string, number> }> {
  const options = { horizon: { kind: 'blocks', blocks: HORIZON_BLOCKS }, compress: createZstd() } as const
  const far = openLmdb({ path: farPath, mode: 'writer', durable: false })
  const alone = openLmdb({ path: alonePath, mode: 'writer', durable: false })
  const replica = await startReplica(far, options, log, startReader)
  const many = await spent(() => replica.catchUp())
  const taken = replica.head()
  if (taken < HORIZON_BLOCKS) throw new Error(`only ${taken} blocks were taken at once`)
  const rest = await spent(() => replica.gather())
  const index = await spent(() => replica.tidy())
  const slow = await startReplica(alone, options, log)
  const one = await spent(() => slow.gather(HORIZON_BLOCKS))
  const aloneBlocks = slow.head()
  await Promise.all([far.close(), alone.close(), log.close()])
  const day = (of: keyof Spent): number =>
    (many[of] / taken) * (DAY_BLOCKS - HORIZON_BLOCKS) + (rest[of] / (blocks - taken)) * HORIZON_BLOCKS
  const row = (what: string, server: string, { seconds, cpuSeconds }: Spent, count: number): BenchRow => ({
    ...{ what, server, slots, blocks: count, us: Math.round((1e6 * cpuSeconds) / count) },
    wall_us: Math.round((1e6 * seconds) / count),
  })
  return {
    rows: [
      row('final block, many at once', 'replica', many, taken),
      row('last block, with history', 'replica', rest, blocks - taken),
      row('index of a block’s logs', 'replica', index, blocks),
      row('block, one by one', 'applier alone', one, aloneBlocks),
    ],
    more: {
      seconds_per_day: Math.round(day('seconds')),
      cpu_seconds_per_day: Math.round(day('cpuSeconds')),
      indexed_cpu_seconds_per_day: Math.round(day('cpuSeconds') + (index.cpuSeconds / blocks) * DAY_BLOCKS),
      one_by_one_cpu_seconds_per_day: Math.round((one.cpuSeconds / aloneBlocks) * DAY_BLOCKS),
    },
  }
}
