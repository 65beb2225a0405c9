/** What goes wrong with a feed on Kafka: users that are refused, a leader that dies among three brokers, a topic that is deleted under its users. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type FeedOpener, feedOpener } from '#cli/process/feed.ts'
import { utf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import type { KafkaSasl } from '#platform/kafka/address.ts'
import { openKafkaClient } from '#platform/kafka/client.ts'
import { openKafkaRecordLog } from '#platform/kafka/record-log.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { freePort } from '#test/geth/node.ts'
import { NO_SECURITY } from '#test/support/cluster.ts'
import { leadingBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { textsOf } from './texts.ts'

const OPEN = { tlsAuthorities: undefined, sasl: undefined }
const TOPIC = 'drover.test.1.1'
const CHAIN = { chainId: 1, mayCreate: false }
const BACK_MS = 90_000

const fails = (code: string) => (thrown: unknown) => faultCode(thrown) === code

test('who is not known to the brokers, or gives a wrong password, is told so', needs('kafka'), async () => {
  const port = await freePort()
  const users = `127.0.0.1:${port}`
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  const { brokers, end } = await makeBrokers(1, {
    listeners: [`USERS://${users}`],
    settings: {
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,USERS:SASL_PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.users.plain.sasl.jaas.config': `${login} required user_drover="sesame";`,
    },
  })
  try {
    for (const broker of brokers) await broker.start()
    const open = (sasl: KafkaSasl | undefined): Promise<RecordLog> =>
      openKafkaRecordLog({ brokers: [users], topic: TOPIC, mayCreate: true, tlsAuthorities: undefined, sasl })
    const known: KafkaSasl = { mechanism: 'PLAIN', username: 'drover', password: 'sesame' }
    const log = await open(known)
    assert.deepEqual(await log.append([utf8('a')]), [0])
    await log.close()
    await assert.rejects(open({ ...known, password: 'sesam' }), fails('feed/refused'))
    await assert.rejects(open({ ...known, mechanism: 'SCRAM-SHA-512' }), fails('feed/refused'))
    await assert.rejects(open(undefined), fails('feed/lost')) // the broker closes without a word
  } finally {
    await end()
  }
})

test('three brokers: the feed waits for a late one; when the leader dies or stands still, what was acknowledged is there once and in order, and the feed goes on', {
  ...needs('kafka'),
  timeout: 300_000,
}, async () => {
  const { brokers, end } = await makeBrokers(3)
  try {
    const [late, ...soon] = brokers
    await Promise.all(soon.map((broker) => broker.start()))
    const addresses = brokers.map(({ address }) => address)
    let open: FeedOpener = () =>
      openKafkaRecordLog({ ...OPEN, brokers: addresses, topic: TOPIC, mayCreate: true })
    // A topic with fewer copies would lose what was acknowledged when its broker is lost, and nobody would ask again.
    await assert.rejects(open(), /cannot be reached: asked to make the topic .*Replication factor/)
    await late?.start()
    const opened = (): Promise<RecordLog> => waitFor('the feed', BACK_MS, () => open())
    let log = await opened()
    const asked = openKafkaClient(addresses, OPEN)
    const settings = await asked.settings(TOPIC)
    assert.equal(settings.get('min.insync.replicas'), '2')
    assert.equal(settings.get('unclean.leader.election.enable'), 'false')
    assert.equal((await asked.topic(TOPIC))?.replicas, 3)

    // One that was made when its broker was alone.
    await asked.create('alone', 1, Object.fromEntries(settings))
    const warnings: string[] = []
    const warned = { brokers: addresses, warn: (message: string) => void warnings.push(message) }
    for (const topic of [TOPIC, 'alone'])
      await (await openKafkaRecordLog({ ...OPEN, ...warned, topic, mayCreate: true })).close()
    assert.match(warnings.join(), /^the topic alone has 1 copy, and there are 3 brokers: .*kafka-reassign/)
    const unclean = { ...Object.fromEntries(settings), 'unclean.leader.election.enable': 'true' }
    await asked.create('pair', 2, unclean)
    await assert.rejects(
      openKafkaRecordLog({ ...OPEN, brokers: addresses, topic: 'pair', mayCreate: true }),
      /unclean\.leader\.election\.enable is true, not false/,
    )

    const acknowledged: string[] = []
    const unknown = new Set<string>()
    const write = async (count: number): Promise<void> => {
      for (const until = acknowledged.length + count; acknowledged.length < until; ) {
        const text = `record ${acknowledged.length + unknown.size}`
        try {
          await log.append([utf8(text)])
          acknowledged.push(text)
        } catch (thrown) {
          assert.match(faultCode(thrown) ?? String(thrown), /^feed\/(append-unknown|lost)$/)
          unknown.add(text)
          await log.close()
          log = await opened()
        }
      }
    }
    await write(20)
    await asked.close()
    const leader = await leadingBroker(brokers, TOPIC)
    await leader.stop('SIGKILL')
    await write(20)
    assert.notEqual(await waitFor('another leader', BACK_MS, () => leadingBroker(brokers, TOPIC)), leader)
    await leader.start()
    await write(5)
    // The one that is asked first accepts connections, and says nothing.
    const silent = await leadingBroker(brokers, TOPIC)
    const others = addresses.filter((address) => address !== silent.address)
    open = feedOpener(`kafka://${[silent.address, ...others].join(',')}/test`, NO_SECURITY, CHAIN)
    await log.close()
    log = await opened()
    silent.pause()
    try {
      await write(5)
    } finally {
      silent.resume()
    }

    assert.deepEqual(
      (await textsOf(log)).filter((text) => !unknown.has(text)),
      acknowledged,
    )
    await log.close()
  } finally {
    await end()
  }
})

test('a topic that is deleted ends its users, who find another one', needs('kafka'), async () => {
  const { brokers, end } = await makeBrokers(1)
  try {
    for (const broker of brokers) await broker.start()
    const addresses = brokers.map(({ address }) => address)
    const open = (mayCreate: boolean): Promise<RecordLog> =>
      openKafkaRecordLog({ ...OPEN, brokers: addresses, topic: TOPIC, mayCreate })
    const log = await open(true)
    await log.append([utf8('a')])
    const asked = openKafkaClient(addresses, OPEN)
    const tail = (async () => {
      for await (const records of log.tail(0, new AbortController().signal)) assert.equal(records.length, 1)
    })()
    const lost = assert.rejects(tail, fails('feed/lost'))
    await asked.remove(TOPIC)
    await asked.close()
    await lost
    await assert.rejects(log.append([utf8('b')]))
    await assert.rejects(open(false), fails('feed/topic-missing'))
    const again = await open(true)
    assert.notEqual(await again.identity(), await log.identity())
    await again.close()
    await log.close()
  } finally {
    await end()
  }
})
