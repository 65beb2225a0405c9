/** A feed on a real Kafka broker: the contract of every feed, and what only Kafka can do to one. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { utf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { openKafkaClient } from '#platform/kafka/client.ts'
import { openKafkaRecordLog } from '#platform/kafka/record-log.ts'
import type { LogRecord, TrimmableLog } from '#ports/record-log/record-log.ts'
import { recordLogContract } from '#ports/record-log/record-log.contract.ts'
import { type KafkaBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { textsOf } from './texts.ts'

const OPEN = { tlsAuthorities: undefined, sasl: undefined }
const BACK_MS = 60_000
const FOREVER = { maxBytes: 1e9 }

suite('a feed on Kafka', needs('kafka'), () => {
  let broker: KafkaBroker
  let end: () => Promise<void>
  let topics = 0

  before(async () => {
    const made = await makeBrokers(1)
    broker = made.brokers[0] as KafkaBroker
    end = made.end
    await broker.start()
  })
  after(() => end())

  const newTopic = (): string => `drover.test.1.${++topics}`
  const open = (topic: string, mayCreate = true): Promise<TrimmableLog> =>
    openKafkaRecordLog({ ...OPEN, brokers: [broker.address], topic, mayCreate })
  const client = () => openKafkaClient([broker.address], OPEN)
  /** As users do: open again until it works. */
  const reopened = (topic: string): Promise<TrimmableLog> =>
    waitFor('the feed to be back', BACK_MS, () => open(topic, false))

  recordLogContract('kafka', async () => {
    const topic = newTopic()
    const log = await open(topic)
    return { log, again: () => open(topic, false), end: () => log.close() }
  })

  test('a reader waits for the topic, which a master makes with the settings of a feed', async () => {
    const topic = newTopic()
    await assert.rejects(open(topic, false), (thrown) => faultCode(thrown) === 'feed/topic-missing')
    const log = await open(topic)
    const asked = client()
    const settings = await asked.settings(topic)
    assert.deepEqual(
      ['cleanup.policy', 'retention.ms', 'retention.bytes', 'max.message.bytes'].map((name) =>
        settings.get(name),
      ),
      ['delete', '-1', '-1', '8388608'],
    )
    await asked.close()
    await log.close()
  })

  test('a topic that would lose records, or take none of ours, is refused with the command that mends it', async () => {
    const topic = newTopic()
    const asked = client()
    await asked.create(topic, 1, { 'cleanup.policy': 'compact', 'retention.ms': '1000' })
    await asked.close()
    await assert.rejects(open(topic), (thrown) => {
      assert.equal(faultCode(thrown), 'feed/topic-settings')
      const { message } = thrown as Error
      assert.match(message, /cleanup\.policy is compact, not delete; retention\.ms is 1000, not -1/)
      assert.match(
        message,
        new RegExp(`--entity-name ${topic} --add-config cleanup.policy=delete,retention.ms=-1`),
      )
      return true
    })
  })

  test('a topic with retention is refused unless it is said that it may forget', async () => {
    const topic = newTopic()
    const asked = client()
    const others = { 'max.message.bytes': '8388608', 'message.timestamp.type': 'LogAppendTime' }
    await asked.create(topic, 1, { 'retention.ms': '3600000', ...others })
    await asked.close()
    await assert.rejects(open(topic), (thrown) => {
      assert.equal(faultCode(thrown), 'feed/topic-settings')
      assert.match((thrown as Error).message, /retention\.ms is 3600000, not -1.*--kafka-may-forget/)
      return true
    })
    const log = await openKafkaRecordLog({
      ...OPEN,
      ...{ brokers: [broker.address], topic, mayCreate: false, mayForget: true },
    })
    assert.deepEqual(await log.append([utf8('a')]), [0])
    await log.close()
  })

  test('an append above one batch keeps its order; a topic made anew is told from the old one', async () => {
    const topic = newTopic()
    const log = await open(topic)
    const big = Array.from({ length: 12 }, (_, i) => new Uint8Array(900_000).fill(i))
    assert.deepEqual(
      await log.append(big),
      big.map((_, i) => i),
    )
    const seen: LogRecord[] = []
    while (seen.length < big.length) seen.push(...(await log.read(seen.length, FOREVER)))
    assert.deepEqual(
      seen.map(({ position, bytes }) => [position, bytes.length, bytes[0]]),
      big.map((_, i) => [i, 900_000, i]),
    )
    await log.close()

    const identity = await log.identity()
    const asked = client()
    await asked.remove(topic)
    await asked.close()
    const again = await waitFor('the topic to be made anew', BACK_MS, async () => {
      const made = await open(topic)
      if ((await made.identity()) !== identity) return made
      await made.close()
      return undefined
    })
    assert.deepEqual(await again.bounds(), { first: 0, next: 0 })
    await again.close()
  })

  test('what was dropped is told from what has not come, and a foreign record from ours', async () => {
    const topic = newTopic()
    const log = await open(topic)
    await log.append([utf8('a'), utf8('b'), utf8('c')])
    const asked = client()
    await asked.trim(topic, 2)
    assert.deepEqual(await log.bounds(), { first: 2, next: 3 })
    await assert.rejects(log.read(0, FOREVER), (thrown) => faultCode(thrown) === 'feed/too-old')
    await assert.rejects(
      allOf(log.tail(0, new AbortController().signal)),
      (thrown) => faultCode(thrown) === 'feed/too-old',
    )
    assert.deepEqual(await log.read(4, FOREVER), [])

    await asked.append(topic, [{ value: utf8('foreign'), headers: new Map() }])
    await assert.rejects(log.read(3, FOREVER), (thrown) => faultCode(thrown) === 'feed/damaged')
    await asked.close()
    await log.close()
  })

  test('through SIGKILL and SIGSTOP of the broker every acknowledged record is there once, in order, and readers go on', async () => {
    const topic = newTopic()
    let log = await open(topic)
    const acknowledged: string[] = []
    const unknown = new Set<string>()
    const state = { running: true }
    const writer = (async () => {
      for (let i = 0; state.running; i++) {
        const text = `record ${i}`
        try {
          await log.append([utf8(text)])
          acknowledged.push(text)
        } catch (thrown) {
          assert.match(faultCode(thrown) ?? String(thrown), /^feed\/(append-unknown|lost)$/)
          unknown.add(text)
          await log.close()
          log = await reopened(topic)
        }
      }
    })()
    const grown = (count: number): Promise<true> => {
      const wanted = acknowledged.length + count
      return waitFor(`${count} more records`, BACK_MS, () =>
        acknowledged.length >= wanted ? true : undefined,
      )
    }
    await grown(20)
    await broker.stop('SIGKILL')
    await broker.start()
    await grown(20)
    broker.pause()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    broker.resume()
    await grown(20)
    state.running = false
    await writer

    assert.deepEqual(
      (await textsOf(log)).filter((text) => !unknown.has(text)),
      acknowledged,
    )
    await log.close()
  })

  test('with no broker there it says so at once', async () => {
    const away = openKafkaRecordLog({
      ...OPEN,
      brokers: ['127.0.0.1:9'],
      topic: 'drover.test.1.1',
      mayCreate: true,
    })
    await assert.rejects(away, (thrown) => {
      assert.equal(faultCode(thrown), 'feed/lost')
      assert.match((thrown as Error).message, /127\.0\.0\.1:9.*ECONNREFUSED/)
      return true
    })
  })
})

async function allOf(batches: AsyncIterable<readonly LogRecord[]>): Promise<LogRecord[]> {
  const out: LogRecord[] = []
  for await (const batch of batches) out.push(...batch)
  return out
}
