/**
 * `node tools/deploy.ts` writes deploy/ from one description of a cluster: systemd units, and a compose file with three Kafka brokers and two
 * masters. Every command line there is parsed by the command's own option table first, so that none names an option that is not there.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { commands } from '#cli/commands.ts'
import { parseOptions } from '#cli/options/parse.ts'
import { renderYaml } from '#tools/conformance/yaml.ts'

const CLUSTER = 'mainnet'
const KAFKA_IMAGE = 'apache/kafka:4.1.0'
const NODE_IMAGE = 'node:24-slim'
const STOP_GRACE = '30s'
/** Where the image's user may write: a volume in another place belongs to root. */
const KAFKA_DATA = '/var/lib/kafka/data'
/** base64url of 16 bytes; any will do, the same for all brokers. */
const KAFKA_CLUSTER_ID = 'ZHJvdmVyLXByb2QtY2x1cw'

type Role = 'master' | 'replica' | 'gateway'

/** `drover NAME --flag value …` @throws Fault where an option is not there, or a needed one is missing */
function commandOf(name: Role | 'drain', options: Readonly<Record<string, string>>): string[] {
  const command = commands.find((each) => each.name === name)
  if (command === undefined) throw new Error(`there is no command ${name}`)
  const words = Object.entries(options).flatMap(([flag, value]) => [`--${flag}`, value])
  // Variables of systemd stand for whatever is in their place.
  const concrete = words.map((word) => word.replaceAll(/\$\{[A-Z_]+\}|%i/g, '1'))
  parseOptions(command.options, { args: concrete, environment: {} })
  return [name, ...words]
}

const files: Record<string, string> = {
  'systemd/drover-master@.service': unit({
    what: 'Drover master %i beside its execution client',
    role: 'master',
    command: commandOf('master', {
      id: '%i',
      client: '${CLIENT}',
      genesis: '${GENESIS}',
      feed: '${FEED}',
      data: '${DATA}',
      'forward-host': '${FORWARD_HOST}',
      'log-format': 'json',
    }),
    memoryMax: '1G',
  }),
  'systemd/drover-replica@.service': unit({
    what: 'Drover replica %i',
    role: 'replica',
    command: commandOf('replica', {
      id: '%i',
      genesis: '${GENESIS}',
      feed: '${FEED}',
      data: '${DATA}',
      host: '${HTTP_HOST}',
      port: '${HTTP_PORT}',
      link: '${LINK}',
      'log-format': 'json',
    }),
    stop: commandOf('drain', { data: '${DATA}' }),
    memoryMax: '2G',
  }),
  'systemd/drover-gateway.service': unit({
    what: 'Drover gateway',
    role: 'gateway',
    command: commandOf('gateway', {
      host: '${HTTP_HOST}',
      port: '${HTTP_PORT}',
      replicas: '${REPLICAS}',
      masters: '${MASTERS}',
      'log-format': 'json',
    }),
    memoryMax: '512M',
  }),
  'systemd/master.env': environment({
    CLIENT: 'ws://127.0.0.1:8546',
    GENESIS: '/etc/drover/genesis.json',
    FEED: `kafka://kafka1:9092,kafka2:9092,kafka3:9092/${CLUSTER}`,
    DATA: '/var/lib/drover/master',
    FORWARD_HOST: '127.0.0.1',
    DROVER_FORWARD_SECRET: '',
  }),
  'systemd/replica.env': environment({
    GENESIS: '/etc/drover/genesis.json',
    FEED: `kafka://kafka1:9092,kafka2:9092,kafka3:9092/${CLUSTER}`,
    DATA: '/var/lib/drover/replica',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '8555',
    LINK: '127.0.0.1:8556',
  }),
  'systemd/gateway.env': environment({
    HTTP_HOST: '0.0.0.0',
    HTTP_PORT: '8545',
    REPLICAS: 'replica1:8556,replica2:8556',
    MASTERS: 'http://master1:8640,http://master2:8640',
    DROVER_FORWARD_SECRET: '',
  }),
  'compose.yaml': compose(),
}

function unit(about: {
  readonly what: string
  readonly role: Role
  readonly command: readonly string[]
  readonly stop?: readonly string[]
  readonly memoryMax: string
}): string {
  const drover = '/usr/bin/env node /opt/drover/src/cli/main.ts'
  const settings = [`/etc/drover/${about.role}.env`]
  const isTemplate = about.command.includes('%i')
  // Of one instance, where several are on one machine: what differs.
  if (isTemplate) settings.push(`-/etc/drover/${about.role}-%i.env`)
  return `# Written by tools/deploy.ts. Settings of the machine: ${settings[0]}${isTemplate ? `; what differs in one of several: /etc/drover/${about.role}-ID.env` : ''}
[Unit]
Description=${about.what}
After=network-online.target
Wants=network-online.target
# Tried again for ever: what is wrong may be mended without anybody looking here.
StartLimitIntervalSec=0

[Service]
Type=exec
User=drover
${settings.map((file) => `EnvironmentFile=${file}`).join('\n')}
ExecStart=${drover} ${about.command.join(' ')}
${about.stop === undefined ? '' : `# Gateways and load balancers are told before it ends; one that has ended by itself is told in vain.\nExecStop=-${drover} ${about.stop.join(' ')}\n`}Restart=always
RestartSec=1
TimeoutStopSec=30
LimitNOFILE=65536
MemoryMax=${about.memoryMax}
StateDirectory=drover
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
`
}

function environment(values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(([name, value]) =>
    value === '' ? `#${name}=` : `${name}=${value}`,
  )
  return `# Written by tools/deploy.ts: copy to /etc/drover/ and change what is yours.\n${lines.join('\n')}\n`
}

/** Two masters, each beside a client of its own on the host; three brokers, of which one may be lost; two replicas and a gateway. */
function compose(): string {
  const brokers = [1, 2, 3]
  const feed = `kafka://${brokers.map((id) => `kafka${id}:9092`).join(',')}/${CLUSTER}`
  const genesis = '/etc/drover/genesis.json'
  const drover = (
    name: string,
    command: readonly string[],
    more: Readonly<Record<string, unknown>> = {},
  ): Record<string, unknown> => ({
    image: NODE_IMAGE,
    working_dir: '/opt/drover',
    command: ['node', 'src/cli/main.ts', ...command],
    volumes: [
      '..:/opt/drover:ro',
      ...(command.includes('--genesis') ? [`./genesis.json:${genesis}:ro`] : []),
      ...(command.includes('--data') ? [`${name}:/data`] : []),
    ],
    restart: 'always',
    stop_grace_period: STOP_GRACE,
    ...more,
  })
  const secret = { DROVER_FORWARD_SECRET: '${DROVER_FORWARD_SECRET:?set a secret for the forward ports}' }
  const services: Record<string, unknown> = {}
  for (const id of brokers) services[`kafka${id}`] = kafka(id, brokers)
  for (const id of [1, 2])
    services[`master${id}`] = drover(
      `master${id}`,
      commandOf('master', {
        id: `m${id}`,
        client: `ws://client${id}:8546`,
        genesis,
        feed,
        data: '/data',
        'forward-host': '0.0.0.0',
      }),
      {
        environment: secret,
        extra_hosts: [`client${id}:\${CLIENT${id}:?address of execution client ${id}}`],
        mem_limit: '1g',
      },
    )
  for (const id of [1, 2])
    services[`replica${id}`] = drover(
      `replica${id}`,
      commandOf('replica', {
        id: `r${id}`,
        genesis,
        feed,
        data: '/data',
        host: '0.0.0.0',
        port: '8555',
        link: '0.0.0.0:8556',
      }),
      { mem_limit: '2g' },
    )
  services['gateway'] = drover(
    'gateway',
    commandOf('gateway', {
      host: '0.0.0.0',
      port: '8545',
      replicas: 'replica1:8556,replica2:8556',
      masters: 'http://master1:8640,http://master2:8640',
    }),
    { environment: secret, ports: ['8545:8545'], mem_limit: '512m' },
  )
  const volumes = Object.fromEntries(
    Object.keys(services)
      .filter((name) => name !== 'gateway') // keeps nothing
      .map((name) => [name, {}]),
  )
  return `# Written by tools/deploy.ts; Docker has not run it. Needs genesis.json beside it, and \`npm install\` in the project's folder, on Linux with glibc.\n${renderYaml({ services, volumes }, { lineWidth: 140 })}`
}

function kafka(id: number, all: readonly number[]): Record<string, unknown> {
  return {
    image: KAFKA_IMAGE,
    environment: {
      CLUSTER_ID: KAFKA_CLUSTER_ID,
      KAFKA_NODE_ID: String(id),
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_CONTROLLER_QUORUM_VOTERS: all.map((one) => `${one}@kafka${one}:9093`).join(','),
      KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://kafka${id}:9092`,
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_DEFAULT_REPLICATION_FACTOR: '3',
      KAFKA_MIN_INSYNC_REPLICAS: '2',
      KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE: 'false',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '3',
      KAFKA_LOG_DIRS: KAFKA_DATA,
    },
    volumes: [`kafka${id}:${KAFKA_DATA}`],
    restart: 'always',
    // Hands its partitions over before it ends.
    stop_grace_period: STOP_GRACE,
  }
}

const root = join(import.meta.dirname, '..', 'deploy')
const stale: string[] = []
for (const [name, text] of Object.entries(files)) {
  const path = join(root, name)
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  stale.push(name)
  if (process.argv.includes('--check')) continue
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
if (process.argv.includes('--check') && stale.length > 0) {
  console.error(`deploy/ is not what tools/deploy.ts writes: ${stale.join(', ')}. Run: node tools/deploy.ts`)
  process.exitCode = 1
}
