/** Limits of a feed on Kafka. */
import type { LimitTable } from '#kernel/limit.ts'

export const kafkaLimits = {
  kafkaBatchBytesMax: {
    value: 7 << 20, // with what Kafka adds to a record it stays below the topic's max.message.bytes
    unit: 'bytes',
    what: 'records of one append to Kafka that no other record comes between',
    over: 'they are sent in several batches, in order',
  },
  kafkaAppendTimeMaxMs: {
    value: 10_000,
    unit: 'ms',
    what: 'time for one append to Kafka, its repeats included',
    over: 'its outcome is unknown (`feed/append-unknown`): what was written is read back',
  },
  kafkaRequestTimeMaxMs: {
    value: 5_000,
    unit: 'ms',
    what: 'time for one answer of a broker',
    over: 'the feed is lost (`feed/lost`) and opened again',
  },
  kafkaConnectTimeMaxMs: {
    value: 2_000,
    unit: 'ms',
    what: 'time to connect to a broker',
    over: 'another is tried, then the feed is lost',
  },
  kafkaWaitTimeMaxMs: {
    value: 1_000,
    unit: 'ms',
    what: 'time that a broker waits for a record before it answers that there is none',
    over: 'it is asked again',
  },
  kafkaFetchBytesMax: {
    value: 8 << 20, // 982 MB/s were read so
    unit: 'bytes',
    what: 'fetched from Kafka at once, and at most one batch more',
    over: 'the next fetch goes on',
  },
} as const satisfies LimitTable
