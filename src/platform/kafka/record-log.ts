/**
 * A feed on Kafka: one topic, one partition, positions are its offsets. Reads without a group from wherever the reader stands; the topic's
 * UUID tells it from one of the same name that was made later. A checksum travels in each record's headers, because Kafka's clients do not
 * check what they read. Whatever fails ends this log; whoever uses it opens another, and reads back what an unknown append has written.
 */
import { Fault } from '#kernel/fault.ts'
import { checksum } from '#platform/checksum/crc32c.ts'
import type { LogBounds, LogRecord, LogSegment, TrimmableLog } from '#ports/record-log/record-log.ts'
import type { KafkaSecurity } from './address.ts'
import {
  type KafkaClient,
  type KafkaReader,
  type KafkaRecord,
  type KafkaTopic,
  openKafkaClient,
} from './client.ts'
import { kafkaLimits } from './limits.ts'
import { openTopic } from './topic.ts'

const BATCH_BYTES_MAX = kafkaLimits.kafkaBatchBytesMax.value
const FETCH_BYTES_MAX = kafkaLimits.kafkaFetchBytesMax.value
const WAIT_MS = kafkaLimits.kafkaWaitTimeMaxMs.value
const CHECKSUM_BYTES = 4
const CHECKSUM = Buffer.from('crc32c')
/** A read of what is there: the broker answers at once. */
const NO_WAIT_MS = 0

export interface KafkaLogOptions extends KafkaSecurity {
  readonly brokers: readonly string[]
  /** Index of the broker that is asked first, 0 unless said. */
  readonly firstAsked?: number
  readonly topic: string
  /** The topic is made where it is missing. */
  readonly mayCreate: boolean
  /** A topic that drops its old records is taken too. */
  readonly mayForget?: boolean
  /** Is told what is not wrong, but worth an operator's look. */
  readonly warn?: ((message: string) => void) | undefined
}

/** @throws Fault feed/lost, feed/refused, feed/topic-missing, feed/topic-settings */
export async function openKafkaRecordLog(options: KafkaLogOptions): Promise<TrimmableLog> {
  const client = openKafkaClient(options.brokers, options, options.firstAsked)
  try {
    const where = options.brokers.join(',')
    const topic = await openTopic(client, {
      ...{ topic: options.topic, where, brokersNamed: options.brokers.length },
      ...{ mayCreate: options.mayCreate, mayForget: options.mayForget ?? false },
      warn: options.warn,
    })
    return new KafkaLog(options.topic, topic, client)
  } catch (thrown) {
    await client.close()
    throw thrown
  }
}

class KafkaLog implements TrimmableLog {
  readonly #name: string
  readonly #topic: KafkaTopic
  readonly #client: KafkaClient
  #reader: KafkaReader | undefined

  constructor(name: string, topic: KafkaTopic, client: KafkaClient) {
    this.#name = name
    this.#topic = topic
    this.#client = client
  }

  async append(records: readonly Uint8Array[]): Promise<readonly number[]> {
    const positions: number[] = []
    for (const batch of batchesOf(records)) {
      const first = await this.#client.append(
        this.#name,
        batch.map((value) => ({ value, headers: new Map([[CHECKSUM, sum(value)]]) })),
      )
      for (let i = 0; i < batch.length; i++) positions.push(first + i)
    }
    return positions
  }

  async read(from: number, { maxBytes }: { readonly maxBytes: number }): Promise<readonly LogRecord[]> {
    this.#reader ??= this.#client.reader(this.#name, this.#topic)
    const reader = this.#reader
    const fetched = await this.#orNothingYet(from, true, () =>
      reader.fetch(from, { maxBytes: Math.min(maxBytes, FETCH_BYTES_MAX), waitMs: NO_WAIT_MS }),
    )
    const out: LogRecord[] = []
    let bytes = 0
    // Kafka gives whole batches.
    for (const record of fetched) {
      bytes += record.value.length
      if (bytes > maxBytes && out.length > 0) break
      out.push(checked(record))
    }
    return out
  }

  async *tail(from: number, signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
    const reader = this.#client.reader(this.#name, this.#topic)
    const aborted = Promise.withResolvers<[]>()
    const stop = (): void => aborted.resolve([])
    signal.addEventListener('abort', stop)
    let next = from
    try {
      while (!signal.aborted) {
        const fetching = this.#orNothingYet(next, false, () =>
          reader.fetch(next, { maxBytes: FETCH_BYTES_MAX, waitMs: WAIT_MS }),
        )
        const fetched = await Promise.race([fetching, aborted.promise])
        fetching.catch(() => {}) // whoever aborted does not want to know
        if (fetched.length === 0) continue
        next = (fetched.at(-1) as KafkaRecord).position + 1
        yield fetched.map(checked)
      }
    } finally {
      signal.removeEventListener('abort', stop)
      await reader.close().catch(() => {}) // it may be broken already
    }
  }

  bounds(): Promise<LogBounds> {
    return this.#client.offsets(this.#name)
  }

  async identity(): Promise<string> {
    return this.#topic.id
  }

  async trim(before: number): Promise<LogBounds> {
    const { first, next } = await this.bounds()
    if (before > next)
      throw new Fault('feed/trim', `position ${before} is not on the feed yet: it ends at ${next}`)
    if (before > first) await this.#client.trim(this.#name, before)
    return this.bounds()
  }

  /** Kafka drops by position; how it keeps the partition is its own affair. */
  async segments(): Promise<readonly LogSegment[]> {
    const [bounds, bytes] = await Promise.all([
      this.bounds(),
      this.#client.bytes(this.#name, this.#topic.leader),
    ])
    return [{ ...bounds, bytes, begunMs: undefined }]
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /** Kafka calls what is past the end out of range, as it does what was dropped. */
  async #orNothingYet(
    from: number,
    mayBeBeyond: boolean,
    fetch: () => Promise<KafkaRecord[]>,
  ): Promise<KafkaRecord[]> {
    try {
      return await fetch()
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== 'feed/too-old') throw thrown
      const { first, next } = await this.bounds()
      if (from > next && mayBeBeyond) return []
      if (from > next)
        throw new Fault(
          'feed/damaged',
          `the feed ends at position ${next - 1}, and ${from - 1} was read from it before: brokers have lost records`,
          { from, first, next },
        )
      throw new Fault(
        'feed/too-old',
        `position ${from} was asked for, and the feed begins at ${first}: it has dropped what was before`,
        { from, first, next },
      )
    }
  }
}

/** In order, each small enough for one batch of Kafka's. */
function batchesOf(records: readonly Uint8Array[]): Uint8Array[][] {
  const out: Uint8Array[][] = []
  let bytes = 0
  for (const record of records) {
    const last = out.at(-1)
    if (last === undefined || bytes + record.length > BATCH_BYTES_MAX) {
      out.push([record])
      bytes = record.length
    } else {
      last.push(record)
      bytes += record.length
    }
  }
  return out
}

function sum(value: Uint8Array): Buffer {
  const out = Buffer.alloc(CHECKSUM_BYTES)
  out.writeUInt32BE(checksum(value))
  return out
}

/** @throws Fault feed/damaged */
function checked({ position, value, headers }: KafkaRecord): LogRecord {
  const found = headers.find(([name]) => name?.equals(CHECKSUM))?.[1]
  if (found === undefined || found === null || found.length !== CHECKSUM_BYTES)
    throw new Fault('feed/damaged', `the record at position ${position} was not written by a master`, {
      position,
    })
  if (found.readUInt32BE() !== checksum(value))
    throw new Fault('feed/damaged', `the record at position ${position} is not what was written`, {
      position,
    })
  return { position, bytes: value }
}
