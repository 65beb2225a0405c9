/** `kafka://host:port,host:port/CLUSTER`: where the brokers are, and which cluster's feed is meant. */
import { Fault } from '#kernel/fault.ts'

export interface KafkaAddress {
  /** `host:port` of brokers to begin with. */
  readonly brokers: readonly string[]
  readonly cluster: string
  readonly generation: number
}

export interface KafkaSecurity {
  /** PEM of the authorities that brokers' certificates are checked with; undefined: no TLS; '': the system's. */
  readonly tlsAuthorities: string | undefined
  readonly sasl: KafkaSasl | undefined
}

export interface KafkaSasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

const SCHEME = 'kafka://'
const FORM = /^kafka:\/\/([^/?#@]+)\/([A-Za-z0-9_-]+)(?:\?generation=([1-9][0-9]{0,8}))?$/
const BROKER = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})$/
const PORT_MAX = 65_535
/** Kafka's limit. */
const TOPIC_CHARACTERS_MAX = 249

export function isKafkaAddress(address: string): boolean {
  return address.startsWith(SCHEME)
}

/** @throws Fault options/feed */
export function parseKafkaAddress(address: string): KafkaAddress {
  const [, brokers, cluster, generation] = FORM.exec(address) ?? []
  if (brokers === undefined || cluster === undefined)
    throw wrong(address, 'it has the form kafka://HOST:PORT[,HOST:PORT…]/CLUSTER[?generation=N]')
  const list = brokers.split(',')
  for (const broker of list) {
    const port = Number(BROKER.exec(broker)?.[1] ?? 0)
    if (port < 1 || port > PORT_MAX) throw wrong(address, `${broker} is not HOST:PORT`)
  }
  return { brokers: list, cluster, generation: Number(generation ?? 1) }
}

/** Two clusters of one chain, and two generations of one cluster, share a broker without meeting. @throws Fault options/feed */
export function topicOf({ cluster, generation }: KafkaAddress, chainId: bigint | number): string {
  const topic = `drover.${cluster}.${chainId}.${generation}`
  if (topic.length > TOPIC_CHARACTERS_MAX)
    throw wrong(cluster, `the topic's name would be longer than ${TOPIC_CHARACTERS_MAX} characters`)
  return topic
}

function wrong(address: string, why: string): Fault {
  return new Fault('options/feed', `${address} is not an address of a feed on Kafka: ${why}`, { address })
}
