/** What deploy/ names is there: flags and variables of the commands, hosts among the services, folders among the volumes. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'node:test'
import type { Command } from '#cli/command/command.ts'
import { commands } from '#cli/commands.ts'
import { environmentName, parseOptions } from '#cli/options/parse.ts'
import { parseYaml } from './conformance/yaml.ts'

const deploy = join(import.meta.dirname, '..', 'deploy')
const read = (name: string): string => readFileSync(join(deploy, name), 'utf8')
const MAIN = 'src/cli/main.ts'
/** Of the official image: its user may write here, and in no folder that it does not have. */
const KAFKA_DATA = '/var/lib/kafka/data'
/** `HOST:PORT`, also in a URL or a list. */
const ADDRESSES = /(?<=^|[/,@])([a-z][\w.-]*):\d+/g

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly extra_hosts?: readonly string[]
  readonly depends_on?: readonly string[]
}
const { services, volumes } = parseYaml(read('compose.yaml')) as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}
const everyFlag = commands.flatMap(({ options }) => Object.values(options).map(({ flag }) => flag))

/** What follows main.ts. @throws Fault where an option is unknown, has a value that it cannot have, or is missing */
function checkCommand(words: readonly string[], environment: Readonly<Record<string, string>>): Command {
  const command = commands.find(({ name }) => name === words[0])
  assert.ok(command !== undefined, `there is no command ${words[0]}`)
  const { operands } = parseOptions(command.options, { args: words.slice(1), environment }, everyFlag)
  assert.deepEqual(operands, [])
  const own = Object.values(command.options).map(({ flag }) => environmentName(flag))
  for (const name of Object.keys(environment)) assert.ok(own.includes(name), `${words[0]} reads no ${name}`)
  return command
}

const isDrover = ({ command }: Service): boolean => command?.includes(MAIN) === true
const hostsIn = (texts: readonly string[]): string[] =>
  texts.flatMap((text) => [...text.matchAll(ADDRESSES)].map(([, host]) => host as string))

test('each service of the compose file gives its command options and variables that it knows', () => {
  const drover = Object.values(services).filter(isDrover)
  assert.equal(drover.length, 5)
  for (const { command = [], environment = {} } of drover)
    checkCommand(command.slice(command.indexOf(MAIN) + 1), environment)
})

test('each host, volume and dependency that a service of the compose file names is there', () => {
  for (const [name, service] of Object.entries(services)) {
    const extra = (service.extra_hosts ?? []).map((line) => line.split(':')[0])
    const known = [...Object.keys(services), ...extra]
    const said = [...(service.command ?? []), ...Object.values(service.environment ?? {})]
    for (const host of hostsIn(said)) assert.ok(known.includes(host), `${name} asks ${host}, which is nobody`)
    for (const other of service.depends_on ?? []) assert.ok(known.includes(other), `${name} needs ${other}`)
    const mounted = (service.volumes ?? []).map((volume) => volume.split(':') as [string, string])
    for (const [source] of mounted)
      assert.ok(source.startsWith('.') || source in volumes, `${name} mounts ${source}`)
    for (const flag of ['--data', '--genesis']) {
      const path = service.command?.[service.command.indexOf(flag) + 1]
      if (service.command?.includes(flag))
        assert.ok(
          mounted.some(([, target]) => target === path),
          `${name} has no ${path}`,
        )
    }
  }
  const feeds = Object.values(services).flatMap(({ command = [] }) =>
    command.filter((word) => word.startsWith('kafka:')),
  )
  assert.deepEqual(hostsIn(feeds.slice(0, 1)), ['kafka1', 'kafka2', 'kafka3'])
  const used = Object.values(services)
    .flatMap((service) => service.volumes ?? [])
    .map((line) => line.split(':')[0])
  for (const volume of Object.keys(volumes)) assert.ok(used.includes(volume), `nobody uses ${volume}`)
})

test('each broker of the compose file is one of its quorum, reached by its own name, and keeps its log where its user may write', () => {
  const brokers = Object.entries(services).filter(([, { image }]) => image.startsWith('apache/kafka:'))
  assert.equal(brokers.length, 3)
  for (const [name, { environment = {}, volumes: mounted = [] }] of brokers) {
    const { CLUSTER_ID, KAFKA_NODE_ID, KAFKA_CONTROLLER_QUORUM_VOTERS, KAFKA_ADVERTISED_LISTENERS } =
      environment
    assert.equal(Buffer.from(CLUSTER_ID ?? '', 'base64url').length, 16)
    assert.equal(KAFKA_ADVERTISED_LISTENERS, `PLAINTEXT://${name}:9092`)
    assert.ok(KAFKA_CONTROLLER_QUORUM_VOTERS?.split(',').includes(`${KAFKA_NODE_ID}@${name}:9093`))
    assert.equal(environment['KAFKA_LOG_DIRS'], KAFKA_DATA)
    assert.deepEqual(mounted, [`${name}:${KAFKA_DATA}`])
  }
  for (const each of ['KAFKA_CONTROLLER_QUORUM_VOTERS', 'CLUSTER_ID'])
    assert.equal(new Set(brokers.map(([, { environment }]) => environment?.[each])).size, 1, each)
})

const units = globSync('systemd/*.service', { cwd: deploy })
for (const unit of units)
  test(`${basename(unit)} gives its commands options that they know, and variables that its environment file has`, () => {
    const text = read(unit)
    const [, role = ''] = /drover-(\w+)/.exec(unit) ?? []
    const lines = [...text.matchAll(/^Exec(?:Start|Stop)=-?(.*)$/gm)].map(([, line]) => line as string)
    assert.ok(lines.length > 0)
    assert.match(text, new RegExp(`^EnvironmentFile=/etc/drover/${role}\\.env$`, 'm'))
    const given = [...read(`systemd/${role}.env`).matchAll(/^(#?)([A-Z_]+)=(.*)$/gm)] // # where nothing need be given
    const values = new Map(
      given.map(([, off, name, value]) => [name as string, off === '#' ? 'x' : (value as string)]),
    )
    const own = Object.fromEntries([...values].filter(([name]) => name.startsWith('DROVER_')))
    for (const line of lines) {
      const words = line.slice(line.indexOf(`${MAIN} `) + MAIN.length + 1).split(' ')
      const filled = words.map((word) =>
        word.replaceAll('%i', 'x1').replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
          const value = values.get(name)
          assert.ok(value !== undefined, `${role}.env has no ${name}`)
          return value
        }),
      )
      checkCommand(filled, words[0] === role ? own : {})
    }
    for (const name of values.keys())
      assert.ok(name.startsWith('DROVER_') || text.includes(`\${${name}}`), `nobody reads ${name}`)
  })
