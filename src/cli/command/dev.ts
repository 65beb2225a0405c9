/**
 * `drover dev`: a real cluster on one machine. Each role is a process of its own; this one starts them in order, supervises them,
 * sends a little traffic, prints where everything is, and stops all of it in order.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Anvil, startAnvil } from '#cli/dev/anvil.ts'
import { anyFreePort, freePortFrom } from '#cli/dev/free-port.ts'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { startLiveLine } from '#cli/dev/live-line.ts'
import { type Child, superviseChild } from '#cli/dev/supervisor.ts'
import { startRoles } from '#cli/dev/roles.ts'
import { startTraffic } from '#cli/dev/traffic.ts'
import { installCommittedCore } from '#cli/process/core.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { loggerFor, logOptions } from '#cli/process/logging.ts'
import { runService } from '#cli/process/service.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import { lockFolder } from '#platform/disk/folder-lock.ts'
import type { Logger } from '#ports/logger.ts'
import type { OptionTable, OptionValues } from '#ports/options.ts'
import type { Scope } from '#ports/scope.ts'
import { defineCommand } from './command.ts'
import { fetchStatus } from './status.ts'

const options = {
  port: {
    flag: 'port',
    type: 'integer',
    default: '8545',
    min: 1,
    max: 65_535,
    help: "the gateway's port; if taken, the next free one",
  },
  masters: {
    flag: 'masters',
    type: 'integer',
    default: '1',
    min: 1,
    max: 8,
    help: 'how many masters beside the one client; each block is published by the first that is ready',
  },
  replicas: { flag: 'replicas', type: 'integer', default: '2', min: 1, max: 16, help: 'how many replicas' },
  trie: {
    flag: 'trie',
    type: 'switch',
    help: 'masters and replicas keep a state trie: every block is proven by its state root, and eth_getProof answers',
  },
  blockTimeMs: {
    flag: 'block-time',
    type: 'duration',
    default: '1s',
    min: 50,
    max: 60_000,
    help: "anvil's time between blocks",
  },
  dataPath: {
    flag: 'data',
    type: 'text',
    value: 'DIR',
    help: 'keep everything here and go on with it next time (else a temporary folder, removed at the end)',
  },
  clientUrl: {
    flag: 'client',
    type: 'text',
    value: 'URL',
    secret: 'url',
    help: 'follow this execution client (ws://… or http://…) instead of anvil; needs --genesis',
  },
  genesisPath: {
    flag: 'genesis',
    type: 'text',
    value: 'FILE',
    help: "genesis of the client's chain, in geth's format",
  },
  ...logOptions,
} as const satisfies OptionTable

/** A newcomer is shown the cluster even where it is still catching up by then. */
const SERVING_MS_MAX = 8_000
const PROBE_EVERY_MS = 25

type DevOptions = OptionValues<typeof options>

export const devCommand = defineCommand({
  name: 'dev',
  summary: 'a whole cluster on this machine: anvil, feed host, master, replicas, gateway',
  text: `
Starts each role as a process of its own and keeps them running until ctrl-C, which leaves nothing behind.
  drover dev --masters 2 --replicas 3 --block-time 250ms
  drover dev --client ws://127.0.0.1:8546 --genesis genesis.json --data ./cluster`,
  options,
  async run({ values }) {
    const log = loggerFor('dev', {
      ...values,
      logLevel: values.logLevel === 'info' ? 'warn' : values.logLevel,
    })
    await runService('dev', log, async (scope) => {
      const cluster = await startCluster(values, log, scope)
      print(cluster)
      const line = startLiveLine(`${cluster.gateway}/status`, process.stdout)
      scope.defer(() => line.stop())
      return { gateway: cluster.gateway }
    })
  },
})

interface DevCluster {
  readonly gateway: string
  readonly addresses: readonly (readonly [what: string, where: string])[]
  readonly note: string | undefined
  readonly example: string
}

/** Everything that is started is the scope's from its first moment, so a start that fails or is interrupted leaves nothing behind. */
async function startCluster(values: DevOptions, log: Logger, scope: Scope): Promise<DevCluster> {
  if ((values.clientUrl === undefined) !== (values.genesisPath === undefined)) {
    throw new Fault(
      'options/invalid',
      '--client and --genesis belong together: the address of the client and the genesis of its chain',
    )
  }
  if (values.genesisPath !== undefined) {
    // Here too, so that a wrong file is one clear line and not one of each role.
    installCommittedCore()
    readGenesis(values.genesisPath)
  }
  const dir = dataFolder(values.dataPath, scope)
  const port = await freePortFrom(values.port)
  if (port === undefined)
    throw new Fault('net/port-in-use', `no port from ${values.port} on is free; choose another with --port`)
  const genesisPath = values.genesisPath ?? writeGenesis(dir)
  const anvil =
    values.clientUrl === undefined ? await startOwnAnvil(values, dir, genesisPath, log, scope) : undefined
  const client = values.clientUrl ?? (anvil as Anvil).webSocket
  const starter = childStarter(values, log, scope)
  const plan = {
    masters: values.masters,
    replicas: values.replicas,
    trie: values.trie,
    dir,
    port,
    genesisPath,
    client,
  }
  const roles = await startRoles(plan, starter, scope)

  const gateway = `http://127.0.0.1:${port}`
  await untilServing(gateway, values.replicas)
  starter.isUp()
  let holder: string = DEV_ACCOUNTS[0]
  if (anvil !== undefined) {
    const traffic = await startTraffic(anvil.http, gateway, { blockTimeMs: values.blockTimeMs, log })
    scope.defer(() => traffic.stop())
    holder = DEV_ACCOUNTS[1]
  }
  return {
    gateway,
    note: port === values.port ? undefined : `port ${values.port} is taken, so the gateway is on ${port}`,
    addresses: [
      ['gateway', gateway],
      ...roles.replicas.map(({ id, url }) => [id, url] as const),
      ...roles.masters.map(({ id, url }) => [id, `${url} (forward port)`] as const),
      ['client', anvil?.http ?? client],
      ['data', values.dataPath === undefined ? `${dir} (removed at the end)` : dir],
    ],
    example: `curl -s ${gateway} -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["${holder}","latest"]}'`,
  }
}

/** A role that ends before the cluster is up has wrong options, folders or chains: starting it again would not help, so that is the end. */
function childStarter(values: DevOptions, log: Logger, scope: Scope) {
  const main = new URL('../main.ts', import.meta.url).pathname
  const level = values.logLevel === 'info' ? 'warn' : values.logLevel
  let isUp = false
  return {
    start(name: string, ...args: string[]): Child {
      scope.signal.throwIfAborted()
      const started = superviseChild(
        name,
        [main, ...args, '--log-level', level, '--log-format', values.logFormat],
        {
          log,
          restart: () => isUp,
          onExit: (reason) =>
            failScope(
              scope,
              new Fault(
                'dev/role-failed',
                `the cluster did not start: the ${name} ended (${reason}); the lines above say why`,
              ),
            ),
        },
      )
      scope.defer(() => started.stop())
      return started
    },
    /** From now on whoever ends is started again. */
    isUp(): void {
      isUp = true
    },
  }
}

function failScope(scope: Scope, fault: Fault): Fault {
  scope.spawn('a child', () => Promise.reject(fault))
  return fault
}

async function startOwnAnvil(
  values: DevOptions,
  dir: string,
  genesisFile: string,
  log: Logger,
  scope: Scope,
): Promise<Anvil> {
  const onExit = (reason: string): Fault =>
    failScope(scope, new Fault('dev/client-failed', `anvil ended (${reason}); see ${join(dir, 'anvil.log')}`))
  const port = await anyFreePort()
  scope.signal.throwIfAborted()
  const anvil = await startAnvil(
    { dir, genesisFile, port, blockTimeMs: values.blockTimeMs, log, onExit },
    scope,
  )
  if (values.dataPath !== undefined) scope.defer(anvil.keep())
  return anvil
}

/** A kept folder, held by this process alone, or a temporary one that is removed when everything has stopped. */
function dataFolder(path: string | undefined, scope: Scope): string {
  if (path === undefined) {
    const dir = mkdtempSync(join(tmpdir(), 'drover-dev-'))
    scope.defer(() => rmSync(dir, { recursive: true, force: true }))
    return dir
  }
  const dir = resolve(path)
  try {
    mkdirSync(dir, { recursive: true })
    scope.defer(lockFolder(dir, { code: 'dev/held', what: 'dev cluster' }))
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault(
      'dev/data-folder',
      `the data folder ${dir} cannot be written: ${messageOf(cause)}`,
      {},
      { cause },
    )
  }
  return dir
}

/** The genesis of a new dev chain, or the one that the folder already has. */
function writeGenesis(dir: string): string {
  const file = join(dir, 'genesis.json')
  if (!existsSync(file))
    writeFileSync(file, JSON.stringify(devGenesis(Math.floor(Date.now() / 1_000)), null, 2))
  return file
}

function print(cluster: DevCluster): void {
  const rows = cluster.addresses.map(([what, where]) => `  ${what.padEnd(9)}${where}`)
  const note = cluster.note === undefined ? '' : `\n  ${cluster.note}\n`
  process.stdout.write(
    `\ndrover dev is running; ctrl-C stops it\n\n${rows.join('\n')}\n${note}\n  try       ${cluster.example}\n\n`,
  )
}

/** Ready is what a newcomer sees: the gateway has a head, and every replica holds it. */
async function untilServing(gateway: string, replicas: number): Promise<void> {
  for (const end = performance.now() + SERVING_MS_MAX; performance.now() < end; ) {
    const status = await fetchStatus(gateway).catch(() => undefined)
    if (status?.head && status.replicas.filter(({ phase }) => phase === 'ready').length === replicas) return
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS))
  }
}
