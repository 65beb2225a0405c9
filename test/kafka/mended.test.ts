/** Trouble with a feed on Kafka that somebody mends: it is told clearly, loses nothing, and is over without a restart of ours. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { utf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import type { KafkaSasl } from '#platform/kafka/address.ts'
import { openKafkaRecordLog } from '#platform/kafka/record-log.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { freePort } from '#test/geth/node.ts'
import { mountSmallDisk, smallDisksMissing } from '#test/fire/small-disk.ts'
import { type BrokerOptions, type KafkaBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { textsOf } from './texts.ts'

const OPEN = { tlsAuthorities: undefined, sasl: undefined }
const TOPIC = 'drover.test.1.1'
const BACK_MS = 90_000
const SMALL_DISK_MB = 64
const CONFIGS = 'kafka.admin.ConfigCommand'
const HOUR_MS = 3_600_000

const fails = (code: string, message: RegExp) => (thrown: unknown) => {
  assert.equal(faultCode(thrown), code, String(thrown))
  assert.match((thrown as Error).message, message)
  return true
}

async function withBroker(
  options: BrokerOptions,
  run: (broker: KafkaBroker) => Promise<void>,
): Promise<void> {
  const { brokers, end } = await makeBrokers(1, options)
  try {
    await brokers[0]?.start()
    await run(brokers[0] as KafkaBroker)
  } finally {
    await end()
  }
}

const opener = (broker: KafkaBroker) => (): Promise<RecordLog> =>
  openKafkaRecordLog({ ...OPEN, brokers: [broker.address], topic: TOPIC, mayCreate: true })

test(
  'a topic that was set to take smaller records says so, names the command that mends it, and works when that was run',
  needs('kafka'),
  () =>
    withBroker({}, async (broker) => {
      const open = opener(broker)
      const log = await open()
      const big = new Uint8Array(900_000).fill(1)
      assert.deepEqual(await log.append([big]), [0])
      const topic = ['--alter', '--entity-type', 'topics', '--entity-name', TOPIC]
      broker.command(CONFIGS, ...topic, '--add-config', 'max.message.bytes=100000')
      await assert.rejects(log.append([big]), fails('feed/record-too-large', /max\.message\.bytes/))
      assert.deepEqual(await log.append([utf8('small')]), [1])

      let said = ''
      await assert.rejects(open(), (thrown: Error) => {
        said = thrown.message
        return fails('feed/topic-settings', /max\.message\.bytes is 100000, not 8388608/)(thrown)
      })
      // As an operator would: what the message says, after the name of the script and the address.
      const mending = /kafka-configs\.sh --bootstrap-server \S+ (.*)$/.exec(said)?.[1]
      assert.ok(mending !== undefined, said)
      broker.command(CONFIGS, ...mending.split(' '))
      const mended = await waitFor('the topic to be mended', BACK_MS, open)
      assert.deepEqual(await mended.append([big]), [2])
      await Promise.all([log.close(), mended.close()])
    }),
)

test(
  'who is refused is let in when the brokers know the user, without a restart of anybody',
  needs('kafka'),
  async () => {
    const users = `127.0.0.1:${await freePort()}`
    const options: BrokerOptions = {
      listeners: [`USERS://${users}`],
      settings: {
        'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,USERS:SASL_PLAINTEXT',
        'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
        'listener.name.users.scram-sha-512.sasl.jaas.config':
          'org.apache.kafka.common.security.scram.ScramLoginModule required;',
      },
    }
    await withBroker(options, async (broker) => {
      const sasl: KafkaSasl = { mechanism: 'SCRAM-SHA-512', username: 'drover', password: 'sesame' }
      const open = (): Promise<RecordLog> =>
        openKafkaRecordLog({ ...OPEN, brokers: [users], topic: TOPIC, mayCreate: true, sasl })
      await assert.rejects(open(), fails('feed/refused', /refuse the user/))
      const user = ['--alter', '--entity-type', 'users', '--entity-name', 'drover']
      broker.command(CONFIGS, ...user, '--add-config', 'SCRAM-SHA-512=[password=sesame]')
      const log = await waitFor('to be let in', BACK_MS, open)
      assert.deepEqual(await log.append([utf8('a')]), [0])
      await log.close()
    })
  },
)

test('a clock of ours that jumps two hours ahead and back changes nothing', needs('kafka'), () =>
  withBroker({}, async (broker) => {
    const log = await opener(broker)()
    const realNow = Date.now
    const written: string[] = []
    try {
      for (const jumpMs of [0, 2 * HOUR_MS, -2 * HOUR_MS, 0]) {
        Date.now = () => realNow() + jumpMs
        written.push(`at ${jumpMs}`)
        assert.deepEqual(await log.append([utf8(`at ${jumpMs}`)]), [written.length - 1])
      }
    } finally {
      Date.now = realNow
    }
    assert.deepEqual(await textsOf(log), written)
    await log.close()
  }),
)

const disk = smallDisksMissing()
test('a broker whose disk is full loses nothing that it has acknowledged, and goes on when there is room', {
  ...(disk === undefined ? needs('kafka') : { skip: disk }),
  timeout: 240_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-kafka-disk-'))
  const small = mountSmallDisk(join(dir, 'small'), SMALL_DISK_MB)
  const settings = {
    'log.dirs': join(dir, 'small'),
    'metadata.log.dir': join(dir, 'metadata'),
    'log.index.size.max.bytes': '65536', // each is written whole
  }
  try {
    await withBroker({ settings }, async (broker) => {
      const open = opener(broker)
      let log = await open()
      const acknowledged: string[] = []
      const unknown: string[] = []
      const write = async (): Promise<void> => {
        const text = `${acknowledged.length + unknown.length} `.padEnd(200_000, '.')
        try {
          await log.append([utf8(text)])
          acknowledged.push(text)
        } catch (thrown) {
          unknown.push(text)
          throw thrown
        }
      }
      for (let i = 0; i < 10; i++) await write()
      small.fill()
      // A broker ends when the disk of its only folder fails.
      await assert.rejects(
        async () => {
          for (let i = 0; i < 100; i++) await write()
        },
        fails('feed/append-unknown', /may or may not have been written/),
      )
      await assert.rejects(open(), fails('feed/lost', /cannot be reached/))
      small.empty()
      await broker.stop('SIGKILL')
      await broker.start()
      await log.close()
      log = await waitFor('the feed', BACK_MS, open)
      for (let i = 0; i < 10; i++) await write()
      const texts = await textsOf(log)
      assert.deepEqual(
        texts.filter((text) => !unknown.includes(text)),
        acknowledged,
      )
      await log.close()
    })
  } finally {
    small.unmount()
    rmSync(dir, { recursive: true })
  }
})
