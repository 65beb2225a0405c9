/** A feed of M1 as production has it: in another process, the embedded feed's host or a broker of Kafka. */
import { join } from 'node:path'
import type { Frame } from '#chain/block/frame.ts'
import { feedOpener } from '#cli/process/feed.ts'
import { readerStarter } from '#cli/process/threads/reader-thread.ts'
import { createClock } from '#platform/clock/clock.ts'
import { checksum } from '#platform/checksum/crc32c.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { createRandom } from '#platform/random/random.ts'
import { silent } from '#ports/logger.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { openSegmentedLog } from '#roles/feedhost/segmented-log.ts'
import type { StartReader } from '#roles/replica/read-ahead/ready-frame.ts'
import { NO_SECURITY } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { type KafkaBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import type { FeedKind } from '#test/bench/publish-feed.ts'
import { CHAIN_ID, identity } from './preload.ts'
import { generation, recordsOf } from './replica.ts'

const SEGMENT_BYTES = 256 * 1024 * 1024
const CLUSTER = 'bench'

export interface M1Feed {
  open(): Promise<RecordLog>
  readonly startReader: StartReader
  stop(): Promise<void>
}

export interface M1FeedOptions {
  readonly kind: FeedKind
  readonly folder: string
  readonly blocks: number
  readonly next: () => Frame
  /** Blocks between the head and what is final. */
  readonly finalBelowHead: number
  readonly say: (line: string) => void
}

export async function startM1Feed(options: M1FeedOptions): Promise<M1Feed> {
  const { address, stop } = options.kind === 'kafka' ? await onKafka(options) : await embedded(options)
  const settings = { ...NO_SECURITY, feed: address }
  return {
    open: async () =>
      asPreloaded(await feedOpener(address, NO_SECURITY, { chainId: CHAIN_ID, mayCreate: false })()),
    startReader: readerStarter(settings, CHAIN_ID, { clock: createClock(), log: silent }),
    stop,
  }
}

/** The preloaded store was made for a feed in memory. */
function asPreloaded(log: RecordLog): RecordLog {
  return {
    append: (records) => log.append(records),
    read: (from, limits) => log.read(from, limits),
    tail: (from, signal) => log.tail(from, signal),
    bounds: () => log.bounds(),
    identity: async () => identity.feed,
    close: () => log.close(),
  }
}

interface Started {
  readonly address: string
  readonly stop: () => Promise<void>
}

async function embedded(options: M1FeedOptions): Promise<Started> {
  const data = join(options.folder, 'feed')
  const parts = {
    disk: createDisk(data),
    random: createRandom(),
    checksum,
    clock: createClock(),
    log: silent,
  }
  const segments = await openSegmentedLog({ segmentBytesMax: SEGMENT_BYTES }, parts)
  await fill((records) => segments.append(records), options)
  await segments.close()
  const address = `unix:${join(options.folder, 'feed.sock')}`
  const host = new DroverProcess('feed', 'serve', '--data', data, '--listen', address)
  await host.start()
  return { address, stop: () => host.stop() }
}

async function onKafka(options: M1FeedOptions): Promise<Started> {
  const { brokers, end } = await makeBrokers(1)
  const broker = brokers[0] as KafkaBroker
  await broker.start()
  const address = `kafka://${broker.address}/${CLUSTER}`
  const log = await feedOpener(address, NO_SECURITY, { chainId: CHAIN_ID, mayCreate: true })()
  await fill((records) => log.append(records), options)
  await log.close()
  return { address, stop: end }
}

async function fill(
  append: RecordLog['append'],
  { blocks, next, finalBelowHead, say }: M1FeedOptions,
): Promise<void> {
  const compress = createZstd()
  const recent: Frame[] = []
  await append([generation()])
  for (let i = 0; i < blocks; i++) {
    recent.push(next())
    if (recent.length > finalBelowHead) recent.shift()
    await append(recordsOf(recent.at(-1) as Frame, recent[0], compress))
    if ((i + 1) % 200 === 0) say(`${i + 1} of ${blocks} blocks are on the feed`)
  }
}
