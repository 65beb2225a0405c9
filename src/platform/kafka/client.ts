/**
 * The only place that names @platformatic/kafka: the few requests that a feed needs, with its limits, and its errors as faults of the feed.
 * No consumer group, no stream, no retry without end: whoever holds a feed opens it again.
 */
import { Admin, Consumer, Producer, type ResponseError } from '@platformatic/kafka'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { KafkaSecurity } from './address.ts'
import { kafkaLimits } from './limits.ts'

export interface KafkaTopic {
  readonly id: string
  readonly leader: number
  readonly partitions: number
  readonly replicas: number
}

export interface KafkaRecord {
  readonly position: number
  readonly value: Uint8Array
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[]
}

/** One user's connections; each part of them lives until `close`. */
export interface KafkaClient {
  /** Undefined where there is no such topic. */
  topic(name: string): Promise<KafkaTopic | undefined>
  /** Brokers that the cluster has. */
  brokers(): Promise<number>
  settings(topic: string): Promise<ReadonlyMap<string, string>>
  /** Nothing where another was quicker. */
  create(topic: string, replicas: number, settings: Readonly<Record<string, string>>): Promise<void>
  /** Deletes the topic with all that is in it. */
  remove(topic: string): Promise<void>
  /** Bytes of the partition on its leader's disk. */
  bytes(topic: string, leader: number): Promise<number>
  /** Drops what is below `first`. */
  trim(topic: string, first: number): Promise<void>
  /** The first position kept, and one past the last. */
  offsets(topic: string): Promise<{ readonly first: number; readonly next: number }>
  /** The position of the first one. */
  append(topic: string, values: readonly KafkaValue[]): Promise<number>
  reader(topic: string, facts: KafkaTopic): KafkaReader
  close(): Promise<void>
}

export interface KafkaValue {
  readonly value: Uint8Array
  readonly headers: ReadonlyMap<Buffer, Buffer>
}

/** A line of its own, so that waiting for a record delays nothing else. */
export interface KafkaReader {
  /** What is there from `from` on; nothing after `waitMs`. @throws Fault feed/too-old, feed/lost */
  fetch(from: number, limits: { readonly maxBytes: number; readonly waitMs: number }): Promise<KafkaRecord[]>
  close(): Promise<void>
}

const REQUEST_MS = kafkaLimits.kafkaRequestTimeMaxMs.value
const APPEND_MS = kafkaLimits.kafkaAppendTimeMaxMs.value
/** Within the time of an append: a leader changes in a second or two, and an idempotent producer may repeat itself. */
const APPEND_RETRIES = 20
const RETRY_MS = 200
const ALL_IN_SYNC = -1
const PARTITION = 0
const EARLIEST = -2n
const LATEST = -1n
const TOPIC_RESOURCE = 2
const READ_UNCOMMITTED = 0
/** Attributes of a batch that a transaction wrote for itself. */
const CONTROL = 0x20
/** Node's and OpenSSL's names of a certificate that is not accepted. */
const CERTIFICATE = /^ERR_TLS_CERT_|^CERT_|SELF_SIGNED_CERT|^UNABLE_TO_(?:GET_ISSUER|VERIFY)/

/** @param firstAsked index of the broker that is asked first; others are asked only where it accepts no connection */
export function openKafkaClient(
  brokers: readonly string[],
  security: KafkaSecurity,
  firstAsked = 0,
): KafkaClient {
  const { tlsAuthorities, sasl } = security
  const base = {
    clientId: 'drover',
    bootstrapBrokers: [...brokers.slice(firstAsked), ...brokers.slice(0, firstAsked)],
    connectTimeout: kafkaLimits.kafkaConnectTimeMaxMs.value,
    requestTimeout: REQUEST_MS,
    timeout: REQUEST_MS,
    retries: 0,
    autocreateTopics: false,
    ...(tlsAuthorities !== undefined && { tls: tlsAuthorities === '' ? {} : { ca: tlsAuthorities } }),
    ...(sasl !== undefined && { sasl: { ...sasl } }),
  }
  const admin = new Admin(base)
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...base,
    idempotent: true,
    acks: ALL_IN_SYNC,
    retries: APPEND_RETRIES,
    retryDelay: RETRY_MS,
  })
  const readers = new Set<KafkaReader>()
  const where = brokers.join(',')

  const asked = async <T>(what: string, ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask()
    } catch (thrown) {
      throw faultOf(thrown, where, what)
    }
  }
  return {
    topic: (name) =>
      asked(`asked for the topic ${name}`, async () => {
        try {
          const found = (await admin.metadata({ topics: [name], forceUpdate: true })).topics.get(name)
          const [first] = found?.partitions ?? []
          if (found === undefined || first === undefined) return undefined
          const { id, partitionsCount: partitions } = found
          return { id, partitions, leader: first.leader, replicas: first.replicas.length }
        } catch (thrown) {
          if (isUnknownTopic(thrown)) return undefined
          throw thrown
        }
      }),
    brokers: () =>
      asked(
        'asked for its brokers',
        async () => (await admin.metadata({ topics: [], forceUpdate: true })).brokers.size,
      ),
    settings: (topic) =>
      asked(`asked for the settings of ${topic}`, async () => {
        const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: topic }] as const
        const [found] = await admin.describeConfigs({ resources: [...resources] })
        return new Map((found?.configs ?? []).map(({ name, value }) => [name, value ?? '']))
      }),
    create: (topic, replicas, settings) =>
      asked(`asked to make the topic ${topic}`, async () => {
        const configs = Object.entries(settings).map(([name, value]) => ({ name, value }))
        try {
          await admin.createTopics({ topics: [topic], partitions: 1, replicas, configs })
        } catch (thrown) {
          if (!kafkaCodes(thrown).includes('TOPIC_ALREADY_EXISTS')) throw thrown
        }
      }),
    remove: (topic) => asked(`asked to delete ${topic}`, () => admin.deleteTopics({ topics: [topic] })),
    trim: (name, first) =>
      asked(`asked to trim ${name}`, async () => {
        const partitions = [{ partition: PARTITION, offset: BigInt(first) }]
        await admin.deleteRecords({ topics: [{ name, partitions }] })
      }),
    bytes: (topic, leader) =>
      asked(`asked for the size of ${topic}`, async () => {
        const found = await admin.describeLogDirs({ topics: [{ name: topic, partitions: [PARTITION] }] })
        const dirs = found.filter(({ broker }) => broker === leader).flatMap(({ results }) => results)
        const partitions = dirs.flatMap(({ topics }) => topics.flatMap((one) => one.partitions))
        return partitions.reduce((sum, { partitionSize }) => sum + Number(partitionSize), 0)
      }),
    offsets: (name) =>
      asked(`asked for the ends of ${name}`, async () => {
        const at = async (timestamp: bigint): Promise<number> => {
          const partitions = [{ partitionIndex: PARTITION, timestamp }]
          const [topic] = await admin.listOffsets({ topics: [{ name, partitions }] })
          return Number(topic?.partitions[0]?.offset ?? 0)
        }
        // At once: a master asks before each block that it publishes in another's place.
        const [first, next] = await Promise.all([at(EARLIEST), at(LATEST)])
        return { first, next }
      }),
    async append(topic, values) {
      const messages = values.map(({ value, headers }) => ({
        topic,
        partition: PARTITION,
        value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
        headers: new Map(headers),
      }))
      let timer: NodeJS.Timeout | undefined
      const tooLate = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${APPEND_MS} ms`)), APPEND_MS)
      })
      try {
        const { offsets } = await Promise.race([producer.send({ messages }), tooLate])
        const [first] = offsets ?? []
        if (first === undefined) throw new Error('the broker gave no position')
        return Number(first.offset)
      } catch (thrown) {
        throw appendFault(thrown, where)
      } finally {
        clearTimeout(timer)
      }
    },
    reader(topic, facts) {
      const reader = openReader(topic, facts, base, where)
      readers.add(reader)
      return { ...reader, close: () => reader.close().finally(() => readers.delete(reader)) }
    },
    async close() {
      // A connection that is broken cannot be closed well, and nobody needs to know.
      await Promise.allSettled([
        ...[...readers].map((reader) => reader.close()),
        producer.close(),
        admin.close(),
      ])
    },
  }
}

function openReader(
  topic: string,
  { id, leader }: KafkaTopic,
  base: ConstructorParameters<typeof Admin>[0],
  where: string,
): KafkaReader {
  const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({ ...base, groupId: 'none' })
  consumer.topics.track(topic)
  return {
    async fetch(from, { maxBytes, waitMs }) {
      const partition = {
        partition: PARTITION,
        fetchOffset: BigInt(from),
        partitionMaxBytes: maxBytes,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
      }
      try {
        const { responses } = await consumer.fetch({
          node: leader,
          minBytes: 1,
          maxWaitTime: waitMs,
          maxBytes,
          isolationLevel: READ_UNCOMMITTED,
          topics: [{ topicId: id, partitions: [partition] }],
        })
        const out: KafkaRecord[] = []
        for (const batch of responses[0]?.partitions[0]?.records ?? []) {
          if ((batch.attributes & CONTROL) !== 0) continue
          for (const { offsetDelta, value, headers } of batch.records) {
            const position = Number(batch.firstOffset) + offsetDelta
            // A batch that holds `from` may begin before it.
            if (position >= from) out.push({ position, value: value ?? new Uint8Array(), headers })
          }
        }
        return out
      } catch (thrown) {
        throw faultOf(thrown, where, `read from position ${from}`)
      }
    },
    close: () => consumer.close(true),
  }
}

function faultOf(thrown: unknown, where: string, what: string): Fault {
  const codes = kafkaCodes(thrown)
  const detail = { brokers: where, codes }
  const cause = { cause: thrown }
  if (codes.includes('OFFSET_OUT_OF_RANGE')) {
    const message = `the feed at ${where} does not hold what was asked for: ${what}`
    return new Fault('feed/too-old', message, detail, cause)
  }
  const isUnknownUser =
    codes.includes('PLT_KFK_AUTHENTICATION') || codes.some((code) => code.startsWith('SASL_'))
  if (isUnknownUser || codes.some((code) => code.endsWith('AUTHORIZATION_FAILED'))) {
    const message = isUnknownUser
      ? `the brokers at ${where} refuse the user: check --kafka-sasl, --kafka-user and the password`
      : `the brokers at ${where} do not allow it: ${what} (${codes.join(', ')})`
    return new Fault('feed/refused', message, detail, cause)
  }
  if (codes.some((code) => CERTIFICATE.test(code))) {
    const message = `the certificate of the brokers at ${where} is not accepted: ${reasonOf(thrown)}: check --kafka-ca and the names in the certificate`
    return new Fault('feed/refused', message, detail, cause)
  }
  const message = `the feed at ${where} cannot be reached: ${what}: ${reasonOf(thrown)}`
  return new Fault('feed/lost', message, detail, cause)
}

function appendFault(thrown: unknown, where: string): Fault {
  const codes = kafkaCodes(thrown)
  if (codes.includes('MESSAGE_TOO_LARGE') || codes.includes('RECORD_LIST_TOO_LARGE'))
    return new Fault(
      'feed/record-too-large',
      `the topic at ${where} takes smaller records only: its max.message.bytes was changed`,
      { brokers: where },
      { cause: thrown },
    )
  const fault = faultOf(thrown, where, 'append')
  return fault.code === 'feed/refused'
    ? fault
    : new Fault(
        'feed/append-unknown',
        `an append to the feed at ${where} may or may not have been written: ${reasonOf(thrown)}`,
        { brokers: where, codes },
        { cause: thrown },
      )
}

/** The client has an error of its own for it, without Kafka's name. */
function isUnknownTopic(thrown: unknown): boolean {
  return (
    kafkaCodes(thrown).includes('UNKNOWN_TOPIC_OR_PARTITION') || reasonOf(thrown).startsWith('Unknown topic')
  )
}

/** Kafka's names of what went wrong, and the client's, of an error and all that are in it. */
function kafkaCodes(thrown: unknown): string[] {
  const { apiId, code, errors, cause } = (thrown ?? {}) as Partial<ResponseError> & { apiId?: unknown }
  const own = [apiId, code].filter((one): one is string => typeof one === 'string')
  const inner = [...(Array.isArray(errors) ? errors : []), ...(cause === undefined ? [] : [cause])]
  return [...own, ...inner.flatMap(kafkaCodes)]
}

/** The innermost messages: the outer ones say that something failed. */
function reasonOf(thrown: unknown): string {
  const { errors, cause } = (thrown ?? {}) as { errors?: unknown[]; cause?: unknown }
  if (Array.isArray(errors) && errors.length > 0) return [...new Set(errors.map(reasonOf))].join('; ')
  return cause instanceof Error ? reasonOf(cause) : messageOf(thrown)
}
