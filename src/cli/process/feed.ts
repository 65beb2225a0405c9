/** The feed of a command: the embedded one through its host, or a topic of Kafka; nothing else in the product knows which. */
import { readFileSync } from 'node:fs'
import { Fault, messageOf } from '#kernel/fault.ts'
import {
  isKafkaAddress,
  type KafkaSasl,
  type KafkaSecurity,
  parseKafkaAddress,
  topicOf,
} from '#platform/kafka/address.ts'
import { openKafkaRecordLog } from '#platform/kafka/record-log.ts'
import { createTransport } from '#platform/net/transport.ts'
import type { OptionTable, OptionValues } from '#ports/options.ts'
import type { TrimmableLog } from '#ports/record-log/record-log.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'

/** Of every command that opens a feed, beside `--feed`. */
export const kafkaOptions = {
  kafkaTls: { flag: 'kafka-tls', type: 'switch', help: 'speak TLS with the brokers of a feed on Kafka' },
  kafkaAuthoritiesPath: {
    flag: 'kafka-ca',
    type: 'text',
    value: 'FILE',
    help: "PEM of the authorities that brokers' certificates are checked with (else the system's)",
  },
  kafkaSasl: {
    flag: 'kafka-sasl',
    type: 'choice',
    choices: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    default: 'none',
    help: 'how to say who we are to the brokers',
  },
  kafkaUser: { flag: 'kafka-user', type: 'text', value: 'NAME', help: 'user at the brokers' },
  kafkaPassword: {
    flag: 'kafka-password',
    type: 'text',
    value: 'WORD',
    secret: 'value',
    help: 'its password; better in the environment or a config file, because others see command lines',
  },
  kafkaMayForget: {
    flag: 'kafka-may-forget',
    type: 'switch',
    help: 'take a topic whose retention drops old records: no new master and no new replica can then begin',
  },
} as const satisfies OptionTable

export type KafkaSettings = OptionValues<typeof kafkaOptions>

/** Opens the feed at an address, as often as it is lost. */
export type FeedOpener = () => Promise<TrimmableLog>

/**
 * @param mayCreate a master's: the topic is made where it is missing
 * @param warn is told of a topic that is taken, and could be safer
 * @throws Fault options/feed
 */
export function feedOpener(
  address: string,
  settings: KafkaSettings,
  {
    chainId,
    mayCreate,
    warn,
  }: {
    readonly chainId: bigint | number
    readonly mayCreate: boolean
    readonly warn?: (message: string) => void
  },
): FeedOpener {
  if (!isKafkaAddress(address)) {
    const transport = createTransport()
    return () => openRemoteRecordLog(address, transport)
  }
  const place = parseKafkaAddress(address)
  const topic = topicOf(place, chainId)
  const security = securityOf(settings)
  let opened = 0
  return () =>
    openKafkaRecordLog({
      brokers: place.brokers,
      // Another one each time: one that stands still accepts connections, and would be asked for as long as it does.
      firstAsked: opened++ % place.brokers.length,
      topic,
      mayCreate,
      mayForget: settings.kafkaMayForget,
      warn,
      ...security,
    })
}

/** The cluster that was named, by the address of the feed too. @throws Fault options/feed */
export function clusterIn({
  feed,
  cluster,
}: {
  readonly feed: string
  readonly cluster?: string | undefined
}) {
  const named = clusterOf(feed)
  if (named !== undefined && cluster !== undefined && named !== cluster)
    throw wrong(`--feed names the cluster ${named}, and --cluster ${cluster}: name one`)
  return named ?? cluster
}

/** An embedded feed knows its chain; a topic's name holds it. @throws Fault options/feed */
export function chainIn({
  feed,
  chainId,
}: {
  readonly feed: string
  readonly chainId?: number | undefined
}): number {
  if (chainId === undefined && isKafkaAddress(feed))
    throw wrong('a feed on Kafka is that of a chain: add --chain-id')
  return chainId ?? 0
}

/** The cluster that an address names; undefined where it names none. */
function clusterOf(address: string): string | undefined {
  return isKafkaAddress(address) ? parseKafkaAddress(address).cluster : undefined
}

function securityOf(settings: KafkaSettings): KafkaSecurity {
  const path = settings.kafkaAuthoritiesPath
  if (path !== undefined && !settings.kafkaTls)
    throw wrong('--kafka-ca says what TLS is checked with: add --kafka-tls')
  return {
    tlsAuthorities: settings.kafkaTls ? (path === undefined ? '' : readAuthorities(path)) : undefined,
    sasl: saslOf(settings),
  }
}

function saslOf({ kafkaSasl, kafkaUser, kafkaPassword }: KafkaSettings): KafkaSasl | undefined {
  if (kafkaSasl === 'none') {
    if (kafkaUser === undefined && kafkaPassword === undefined) return undefined
    throw wrong('--kafka-user and --kafka-password need --kafka-sasl, which says how they are given')
  }
  if (kafkaUser === undefined || kafkaPassword === undefined)
    throw wrong(`--kafka-sasl ${kafkaSasl} needs --kafka-user and --kafka-password`)
  const mechanism = kafkaSasl.toUpperCase() as KafkaSasl['mechanism']
  return { mechanism, username: kafkaUser, password: kafkaPassword }
}

function readAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw wrong(`--kafka-ca ${path} cannot be read: ${messageOf(thrown)}`)
  }
}

function wrong(message: string): Fault {
  return new Fault('options/feed', message)
}
