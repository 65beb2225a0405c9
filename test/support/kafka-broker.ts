/** Real Kafka brokers in KRaft mode, as processes of this machine: started, stopped, killed and paused by their own process id. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKafkaClient } from '#platform/kafka/client.ts'
import { KAFKA_LIBS } from './needs.ts'
import { freePort } from '#test/geth/node.ts'
import { waitFor } from './wait.ts'

const HEAP_MB = 256
const COMMAND_HEAP_MB = 64
const READY_MS = 90_000
const READY_LINE = 'Kafka Server started'
/** base64url of 16 bytes. */
const CLUSTER_ID = 'ZHJvdmVyLXRlc3QtY2x1cw'
/** Registrations of a killed broker must expire before it may come back. */
const SESSION_MS = 3_000
const LOG_SHOWN = 2_000

export interface BrokerOptions {
  /** Beside our own. */
  readonly listeners?: readonly string[]
  /** Lines of server.properties beside or instead of ours. */
  readonly settings?: Readonly<Record<string, string>>
  /** Arguments of the first format of the folder, like SCRAM users. */
  readonly format?: readonly string[]
}

interface Place {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
}

export class KafkaBroker {
  readonly address: string
  readonly #dir: string
  #child: ChildProcess | undefined

  constructor(dir: string, place: Place, all: readonly Place[], options: BrokerOptions) {
    this.#dir = dir
    process.once('exit', () => this.#child?.kill('SIGKILL')) // a test that dies or fails leaves no broker behind
    this.address = `127.0.0.1:${place.port}`
    mkdirSync(dir, { recursive: true })
    const settings = { ...settingsOf(dir, place, all, options.listeners ?? []), ...options.settings }
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
    writeFileSync(this.#properties, `${lines.join('\n')}\n`)
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', this.#properties]
    const { status, stderr, stdout } = spawnSync('java', [
      ...classPath(),
      ...format,
      ...(options.format ?? []),
    ])
    if (status !== 0) throw new Error(`Kafka's folder was not formatted: ${stderr}${stdout}`)
  }

  /** Resolves when the broker says that it has started. */
  async start(): Promise<void> {
    writeFileSync(this.#log, '')
    const log = openSync(this.#log, 'a')
    const logging = ['defaultLogLevel=warn', 'log.kafka.server.KafkaRaftServer=info']
    this.#child = spawn(
      'java',
      [
        `-Xmx${HEAP_MB}m`,
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1', // a test is over before the second compiler pays
        ...logging.map((one) => `-Dorg.slf4j.simpleLogger.${one}`),
        ...classPath(),
        'kafka.Kafka',
        this.#properties,
      ],
      { stdio: ['ignore', log, log] },
    )
    const child = this.#child
    child.unref()
    const said = (): string => readFileSync(this.#log, 'utf8')
    const ended = await waitFor('Kafka to start', READY_MS, () =>
      child.exitCode !== null || said().includes(READY_LINE) ? child.exitCode !== null : undefined,
    )
    if (ended) throw new Error(`Kafka ended: ${said().slice(-LOG_SHOWN)}`)
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    child.once('exit', () => resolve())
    child.ref()
    child.kill(signal)
    await promise
  }

  /** Runs one of Kafka's own commands, by its class, against this broker. @throws what it said */
  command(name: string, ...args: readonly string[]): void {
    const words = [
      ...classPath(),
      `-Xmx${COMMAND_HEAP_MB}m`,
      name,
      '--bootstrap-server',
      this.address,
      ...args,
    ]
    const { status, stderr, stdout } = spawnSync('java', words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr}${stdout}`)
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  get #properties(): string {
    return join(this.#dir, 'server.properties')
  }

  get #log(): string {
    return join(this.#dir, 'kafka.log')
  }
}

/** Which of them, given in the order that they were made in, leads a topic's only partition. */
export async function leadingBroker(brokers: readonly KafkaBroker[], topic: string): Promise<KafkaBroker> {
  const addresses = brokers.map(({ address }) => address)
  const asked = openKafkaClient(addresses, { tlsAuthorities: undefined, sasl: undefined })
  try {
    const leader = brokers[((await asked.topic(topic))?.leader ?? 0) - 1]
    if (leader === undefined) throw new Error(`${topic} has no leader`)
    return leader
  } finally {
    await asked.close()
  }
}

/** Brokers that know each other; each is a controller, too. Not started. */
export async function makeBrokers(
  count: number,
  options: BrokerOptions = {},
): Promise<{ readonly brokers: readonly KafkaBroker[]; end(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-kafka-'))
  const places: Place[] = []
  for (let id = 1; id <= count; id++)
    places.push({ id, port: await freePort(), controllerPort: await freePort() })
  const brokers = places.map((place) => new KafkaBroker(join(dir, String(place.id)), place, places, options))
  return {
    brokers,
    async end() {
      await Promise.all(brokers.map((broker) => broker.stop('SIGKILL')))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function classPath(): string[] {
  if (!existsSync(KAFKA_LIBS)) throw new Error('Kafka is not set up: npm run setup:peers')
  return ['-cp', `${KAFKA_LIBS}/*`]
}

function settingsOf(
  dir: string,
  place: Place,
  all: readonly Place[],
  more: readonly string[],
): Record<string, string> {
  const open = [`PLAINTEXT://127.0.0.1:${place.port}`, ...more]
  const copies = String(Math.min(3, all.length))
  return {
    'process.roles': 'broker,controller',
    'node.id': String(place.id),
    'controller.quorum.voters': all.map((one) => `${one.id}@127.0.0.1:${one.controllerPort}`).join(','),
    listeners: [...open, `CONTROLLER://127.0.0.1:${place.controllerPort}`].join(','),
    'advertised.listeners': open.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(dir, 'data'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'broker.session.timeout.ms': String(SESSION_MS),
    'broker.heartbeat.interval.ms': '500',
  }
}
