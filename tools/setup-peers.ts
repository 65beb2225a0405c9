/**
 * `npm run setup:peers`: fetches the real programs that tests run against, from package registries alone, into .peers/ (not
 * committed). Does nothing where they are there already.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The newest that builds from the module proxy. */
const GETH = 'github.com/ethereum/go-ethereum/cmd/geth@v1.17.8'
const KAFKA = '4.3.1'
/** A broker and its log lines need no more. */
const KAFKA_ARTIFACTS = [
  ['org.apache.kafka', 'kafka_2.13', KAFKA],
  ['org.slf4j', 'slf4j-simple', '1.7.36'],
] as const
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

const peers = resolve('.peers')
setUpGeth(join(peers, 'bin'))
setUpKafka(join(peers, 'kafka'))

function setUpGeth(bin: string): void {
  if (existsSync(join(bin, 'geth'))) return console.log('geth is there')
  mkdirSync(bin, { recursive: true })
  console.log(`building ${GETH} (about two minutes)`)
  run(
    'go',
    ['install', GETH],
    { GOBIN: bin },
    'geth was not built: `go` is not on the PATH. Install Go 1.24 or newer',
  )
}

function setUpKafka(dir: string): void {
  if (existsSync(join(dir, '.done'))) return console.log('Kafka is there')
  mkdirSync(dir, { recursive: true })
  console.log(`fetching Kafka ${KAFKA} (44 MB)`)
  const pom = join(dir, 'pom.xml')
  writeFileSync(pom, pomOf(KAFKA_ARTIFACTS))
  const words = ['-q', '-B', '-ntp', '-f', pom, COPY, `-DoutputDirectory=${dir}`, '-DincludeScope=runtime']
  const missing = 'Kafka was not fetched: `mvn` is not on the PATH. Install Maven and Java 17 or newer'
  if (run('mvn', words, {}, missing)) writeFileSync(join(dir, '.done'), `${KAFKA}\n`)
}

function pomOf(artifacts: readonly (readonly [string, string, string])[]): string {
  const dependencies = artifacts.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>drover</groupId><artifactId>peers</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('')}</dependencies></project>
`
}

/** True where it worked; else what is missing is said, and the exit code is not 0. */
function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv, missing: string): boolean {
  const { status, error } = spawnSync(command, words, { stdio: 'inherit', env: { ...process.env, ...env } })
  if (error !== undefined) console.error(`${missing}; tests that need it are skipped until then.`)
  if (status !== 0) process.exitCode = status ?? 1
  return status === 0
}
