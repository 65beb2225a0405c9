/** The feed as the publish benchmark needs it: when a frame is there, and what the same bytes cost a bare append and tail. */
import { join } from 'node:path'
import { openKafkaRecordLog } from '#platform/kafka/record-log.ts'
import { createTransport } from '#platform/net/transport.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { type KafkaBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'
import { wordFlag } from '#tools/flags.ts'
import { decodeRecord } from '#wire/record.ts'
import type { BenchOptions } from './bench.ts'

export const FEEDS = ['embedded', 'kafka'] as const
export type FeedKind = (typeof FEEDS)[number]

/** Those that are wanted (`--feed`, or with --quick the embedded one alone) and can be had here. */
export function feedsOf({ flags, quick, say }: BenchOptions): readonly FeedKind[] {
  const wanted = wordFlag(flags, 'feed', FEEDS) ?? (quick ? 'embedded' : undefined)
  const chosen = FEEDS.filter((feed) => (wanted ?? feed) === feed)
  const missing = needs('kafka').skip
  if (missing === undefined || !chosen.includes('kafka')) return chosen
  say(`left out: ${missing}`)
  return chosen.filter((feed) => feed !== 'kafka')
}

export interface Published {
  readonly number: number
  /** When its last part was read. */
  readonly atMs: number
  /** Its parts and what came with them in one push. */
  readonly records: readonly Uint8Array[]
}

export interface FeedWatch {
  /** The next block that is whole for the first time. */
  next(): Promise<Published>
  close(): Promise<void>
}

/** Follows the feed from its end on, all the time, so that a block's time is that of its arrival. */
export async function openFeedWatch(openLog: () => Promise<RecordLog>): Promise<FeedWatch> {
  const log = await openLog()
  const stop = new AbortController()
  const from = (await log.bounds()).next
  const seen = new Set<string>()
  const arrived: Published[] = []
  let wake = (): void => {}
  const follow = async (): Promise<void> => {
    for await (const batch of log.tail(from, stop.signal)) {
      const atMs = performance.now()
      const records = batch.map(({ bytes }) => bytes)
      for (const { body } of records.map(decodeRecord)) {
        if (body.kind !== 'framePart' || body.index < body.count - 1 || seen.has(body.block.hash)) continue
        seen.add(body.block.hash)
        arrived.push({ number: body.block.number, atMs, records })
      }
      wake()
    }
  }
  const followed = follow()
  followed.catch(() => {}) // seen by the next waiter
  return {
    async next() {
      while (arrived.length === 0)
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), followed])
      return arrived.shift() as Published
    },
    async close() {
      stop.abort()
      await log.close()
    },
  }
}

export interface BareFeed {
  /** Milliseconds from the call to the last of these records read by another connection. */
  appendAndTail(records: readonly Uint8Array[]): Promise<number>
  stop(): Promise<void>
}

/** Where the cluster's feed is, and one of the same kind with nobody else on it. */
export interface BenchFeed {
  /** Undefined for a host of the cluster's own. */
  readonly address: string | undefined
  openBare(): Promise<RecordLog>
  stop(): Promise<void>
}

export async function startEmbedded(dir: string): Promise<BenchFeed> {
  const address = `unix:${join(dir, 'bare.sock')}`
  const host = new DroverProcess('feed', 'serve', '--data', join(dir, 'bare'), '--listen', address)
  await host.start()
  return {
    address: undefined,
    openBare: () => openRemoteRecordLog(address, createTransport()),
    stop: () => host.stop(),
  }
}

/** One broker, two topics. */
export async function startKafka(): Promise<BenchFeed> {
  const { brokers, end } = await makeBrokers(1)
  const broker = brokers[0] as KafkaBroker
  await broker.start()
  const bare = { brokers: [broker.address], topic: 'drover.bare.1.1', mayCreate: true }
  return {
    address: `kafka://${broker.address}/bench`,
    openBare: () => openKafkaRecordLog({ ...bare, tlsAuthorities: undefined, sasl: undefined }),
    stop: end,
  }
}

export async function openBareFeed(feed: BenchFeed): Promise<BareFeed> {
  const [writer, reader] = [await feed.openBare(), await feed.openBare()]
  const stop = new AbortController()
  const tail = reader.tail(0, stop.signal)[Symbol.asyncIterator]()
  return {
    async appendAndTail(records) {
      const startedMs = performance.now()
      const appended = writer.append(records)
      for (let read = 0; read < records.length; ) {
        const { value } = (await tail.next()) as { value: readonly LogRecord[] }
        read += value.length
      }
      const tookMs = performance.now() - startedMs
      await appended
      return tookMs
    },
    async stop() {
      stop.abort()
      await Promise.all([writer.close(), reader.close()])
    },
  }
}
