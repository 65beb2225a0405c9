/** The topic of a feed: made with the settings that a feed needs, or checked, with the command that mends what is wrong. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '#kernel/fault.ts'
import type { KafkaClient, KafkaTopic } from './client.ts'
import { kafkaLimits } from './limits.ts'

/** A part of a frame, or several small records, in one batch. */
const MESSAGE_BYTES = 8 << 20
const REPLICAS_WANTED = 3
/** For a topic that was just made. */
const LOOKS_MAX = 50
const LOOK_EVERY_MS = 100

interface Rule {
  readonly setting: string
  readonly wanted: string
  readonly holds: (value: string) => boolean
  /** Of a topic that may forget it does not matter. */
  readonly forgets?: true
}

/** What every feed needs. Nothing is dropped while nothing else could be begun from, unless somebody says that it may. */
const ALWAYS: readonly Rule[] = [
  { setting: 'cleanup.policy', wanted: 'delete', holds: (value) => value === 'delete' },
  { setting: 'retention.ms', wanted: '-1', holds: (value) => value === '-1', forgets: true },
  { setting: 'retention.bytes', wanted: '-1', holds: (value) => value === '-1', forgets: true },
  // A master's clock that is an hour ahead would have its records refused: the brokers' time stands there, and nobody reads it.
  {
    setting: 'message.timestamp.type',
    wanted: 'LogAppendTime',
    holds: (value) => value === 'LogAppendTime',
  },
  {
    setting: 'max.message.bytes',
    wanted: String(MESSAGE_BYTES),
    holds: (value) => Number(value) > kafkaLimits.kafkaBatchBytesMax.value,
  },
]
/** No broker that missed an acknowledged record becomes the leader. */
const COPIED: readonly Rule[] = [
  { setting: 'unclean.leader.election.enable', wanted: 'false', holds: (value) => value === 'false' },
]
/** And an acknowledged record outlives the loss of one broker. Of two copies both would have to be there, always. */
const REPLICATED: readonly Rule[] = [
  { setting: 'min.insync.replicas', wanted: '2', holds: (value) => Number(value) >= 2 },
  ...COPIED,
]

/**
 * @param brokersNamed in the feed's address: where they are enough for all copies, a topic is not made with fewer while one of them is away
 * @param mayCreate a master's; a reader waits for one. A topic that is made keeps all
 * @param mayForget a topic whose retention drops old records is taken as it is
 * @param warn is told of a topic with fewer copies than its brokers could hold, as one that was made before they were there
 * @throws Fault feed/topic-missing, feed/topic-settings, feed/lost
 */
export async function openTopic(
  client: KafkaClient,
  {
    topic,
    where,
    brokersNamed,
    mayCreate,
    mayForget,
    warn,
  }: {
    readonly topic: string
    readonly where: string
    readonly brokersNamed: number
    readonly mayCreate: boolean
    readonly mayForget: boolean
    readonly warn?: ((message: string) => void) | undefined
  },
): Promise<KafkaTopic> {
  let found = await client.topic(topic)
  if (found === undefined && mayCreate) {
    const brokers = Math.max(await client.brokers(), brokersNamed)
    const replicas = brokers >= REPLICAS_WANTED ? REPLICAS_WANTED : 1
    await client.create(topic, replicas, wantedOf(rulesFor(replicas, false)))
    // Brokers hear of it one after the other.
    for (let looks = 0; found === undefined && looks < LOOKS_MAX; looks++) {
      await sleep(LOOK_EVERY_MS)
      found = await client.topic(topic)
    }
  }
  if (found === undefined || found.leader < 0)
    throw new Fault(
      'feed/topic-missing',
      found === undefined
        ? `there is no topic ${topic} at ${where}: a master makes it`
        : `the topic ${topic} at ${where} has no leader: its brokers are away`,
      { topic },
    )
  const wrong = await whatIsWrong(client, topic, found)
  if (wrong !== undefined) throw new Fault('feed/topic-settings', wrong, { topic })
  if (warn !== undefined && found.replicas < REPLICAS_WANTED) {
    const brokers = await client.brokers()
    if (brokers >= REPLICAS_WANTED) warn(fewCopies(topic, found.replicas, brokers))
  }
  return found

  async function whatIsWrong(
    from: KafkaClient,
    name: string,
    facts: KafkaTopic,
  ): Promise<string | undefined> {
    if (facts.partitions !== 1)
      return `the topic ${name} has ${facts.partitions} partitions, a feed has one: delete it, a master makes it again`
    const settings = await from.settings(name)
    const broken = rulesFor(facts.replicas, mayForget).filter(
      ({ setting, holds }) => !holds(settings.get(setting) ?? ''),
    )
    if (broken.length === 0) return undefined
    const said = broken.map(({ setting, wanted }) => `${setting} is ${settings.get(setting)}, not ${wanted}`)
    const mended = broken.map(({ setting, wanted }) => `${setting}=${wanted}`).join(',')
    const hint = broken.some(({ forgets }) => forgets)
      ? ' (or say --kafka-may-forget, and know what is lost)'
      : ''
    return `the topic ${name} cannot hold a feed (${said.join('; ')}); mend it with: kafka-configs.sh --bootstrap-server ${where} --alter --entity-type topics --entity-name ${name} --add-config ${mended}${hint}`
  }
}

function rulesFor(replicas: number, mayForget: boolean): readonly Rule[] {
  const more = replicas >= REPLICAS_WANTED ? REPLICATED : replicas > 1 ? COPIED : []
  return [...ALWAYS, ...more].filter(({ forgets }) => !(mayForget && forgets))
}

function wantedOf(rules: readonly Rule[]): Record<string, string> {
  return Object.fromEntries(rules.map(({ setting, wanted }) => [setting, wanted]))
}

function fewCopies(topic: string, replicas: number, brokers: number): string {
  const copies = replicas === 1 ? '1 copy' : `${replicas} copies`
  return `the topic ${topic} has ${copies}, and there are ${brokers} brokers: what was acknowledged is lost with a broker's disk; give it ${REPLICAS_WANTED} with kafka-reassign-partitions.sh, then set min.insync.replicas=2`
}
