/** A broker that speaks TLS and asks who we are, with the options that an operator gives: who is right gets in, who is not is told why. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { feedOpener, type KafkaSettings } from '#cli/process/feed.ts'
import { utf8 } from '#kernel/bytes.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import { freePort } from '#test/geth/node.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'
import { type Authority, makeAuthority, STORE_PASSWORD } from './certificates.ts'
import { textsOf } from './texts.ts'

const CHAIN = 1_337
const PASSWORD = 'open-sesame'
const MODULES = {
  plain: 'org.apache.kafka.common.security.plain.PlainLoginModule',
  scram: 'org.apache.kafka.common.security.scram.ScramLoginModule',
}

suite('a broker with TLS and SASL', needs('kafka'), () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-secured-'))
  let authority: Authority
  let end: () => Promise<void>
  const ports = { secured: 0, elsewhere: 0, open: '' }

  before(async () => {
    authority = makeAuthority(dir)
    ports.secured = await freePort()
    ports.elsewhere = await freePort()
    const scram = (hash: string): string[] => [
      '--add-scram',
      `SCRAM-SHA-${hash}=[name=drover,password=${PASSWORD}]`,
    ]
    const store = (listener: string, file: string): Record<string, string> => ({
      [`listener.name.${listener}.ssl.keystore.type`]: 'PKCS12',
      [`listener.name.${listener}.ssl.keystore.location`]: file,
      [`listener.name.${listener}.ssl.keystore.password`]: STORE_PASSWORD,
      [`listener.name.${listener}.plain.sasl.jaas.config`]: `${MODULES.plain} required user_drover="${PASSWORD}";`,
      [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: `${MODULES.scram} required;`,
      [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`]: `${MODULES.scram} required;`,
    })
    const { brokers, end: ended } = await makeBrokers(1, {
      listeners: [`SECURED://127.0.0.1:${ports.secured}`, `ELSEWHERE://127.0.0.1:${ports.elsewhere}`],
      settings: {
        'listener.security.protocol.map':
          'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,ELSEWHERE:SASL_SSL',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        ...store('secured', authority.storeFor('broker', 'ip:127.0.0.1,dns:localhost')),
        ...store('elsewhere', authority.storeFor('elsewhere', 'dns:elsewhere.example')),
      },
      format: [...scram('256'), ...scram('512')],
    })
    end = ended
    for (const broker of brokers) await broker.start()
    ports.open = brokers[0]?.address.split(':')[1] ?? ''
  })
  after(async () => {
    await end()
    rmSync(dir, { recursive: true, force: true })
  })

  const open = (given: Partial<KafkaSettings>, cluster = 'herd', port: number | string = ports.secured) =>
    feedOpener(
      `kafka://127.0.0.1:${port}/${cluster}`,
      {
        ...{ kafkaTls: true, kafkaAuthoritiesPath: authority.file, kafkaSasl: 'plain' },
        ...{ kafkaUser: 'drover', kafkaPassword: PASSWORD, kafkaMayForget: false, ...given },
      },
      { chainId: CHAIN, mayCreate: true },
    )()
  const refusal = async (...given: Parameters<typeof open>): Promise<readonly [string, string]> => {
    try {
      await (await open(...given)).close()
    } catch (thrown) {
      return [faultCode(thrown) ?? '', messageOf(thrown)]
    }
    throw new Error('it was let in')
  }

  for (const kafkaSasl of ['plain', 'scram-sha-256', 'scram-sha-512'] as const)
    test(`${kafkaSasl} over TLS: the topic is made, written and read`, async () => {
      const log = await open({ kafkaSasl }, kafkaSasl)
      assert.deepEqual(await log.append([utf8('a'), utf8('b')]), [0, 1])
      const abort = new AbortController()
      const seen: number[] = []
      for await (const records of log.tail(0, abort.signal)) {
        seen.push(...records.map(({ position }) => position))
        if (seen.length === 2) break
      }
      assert.deepEqual(seen, [0, 1])
      assert.deepEqual(await textsOf(log), ['a', 'b'])
      await log.close()
    })

  test('a wrong password is refused by each mechanism', async () => {
    for (const kafkaSasl of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
      const [code, message] = await refusal({ kafkaSasl, kafkaPassword: 'sesame' })
      assert.equal(code, 'feed/refused', `${kafkaSasl}: ${message}`)
      assert.match(message, /check --kafka-sasl, --kafka-user and the password/)
    }
  })

  test('a broker whose certificate nobody vouches for, or that names another host, is not talked to', async () => {
    const unknown = await refusal({ kafkaAuthoritiesPath: undefined })
    assert.equal(unknown[0], 'feed/refused', unknown[1])
    assert.match(unknown[1], /--kafka-ca/)
    const elsewhere = await refusal({}, 'herd', ports.elsewhere)
    assert.equal(elsewhere[0], 'feed/refused', elsewhere[1])
    assert.match(elsewhere[1], /127\.0\.0\.1 is not in the cert/)
  })

  test('TLS where the broker speaks none, and none where it speaks TLS, end with an error within the limits', async () => {
    const spoken = await refusal({}, 'herd', ports.open)
    assert.match(spoken[0], /^feed\/(lost|refused)$/, spoken[1])
    const silent = await refusal({ kafkaTls: false, kafkaAuthoritiesPath: undefined })
    assert.match(silent[0], /^feed\/(lost|refused)$/, silent[1])
  })

  test('commands take the same options', async () => {
    const log = await open({}, 'shown')
    await log.close()
    const { code, output } = await DroverProcess.run(
      ...[
        'feed',
        'inspect',
        '--feed',
        `kafka://127.0.0.1:${ports.secured}/shown`,
        '--chain-id',
        String(CHAIN),
      ],
      ...['--kafka-tls', '--kafka-ca', authority.file, '--kafka-sasl', 'scram-sha-512'],
      ...['--kafka-user', 'drover', '--kafka-password', PASSWORD],
    )
    assert.equal(code, 0, output)
  })
})
