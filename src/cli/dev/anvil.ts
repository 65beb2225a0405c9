/** anvil as the dev cluster's execution client: found, started under a keeper, its chain kept over a restart where a folder is given. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'
import type { Scope } from '#ports/scope.ts'
import { DEV_ACCOUNTS, DEV_CHAIN_ID } from './genesis.ts'
import { call } from './json-rpc.ts'
import { type Child, superviseChild } from './supervisor.ts'

/** How long anvil may take from its start to its first answer. */
const START_MS = 10_000
const PROBE_EVERY_MS = 30

export interface Anvil {
  readonly http: string
  readonly webSocket: string
  /** From now on the chain is worth keeping; returns what writes it to the data folder, so that the next start goes on with it. */
  keep(): () => Promise<void>
}

/** @throws Fault dev/no-anvil, dev/client-failed, dev/chain-lost */
export async function startAnvil(
  options: {
    readonly dir: string
    readonly genesisFile: string
    readonly port: number
    readonly blockTimeMs: number
    readonly log: Logger
    readonly onExit: (reason: string) => Fault
  },
  scope: Scope,
): Promise<Anvil> {
  const stateFile = join(options.dir, 'anvil-state.hex')
  const unsavedFile = join(options.dir, 'anvil-unsaved')
  refuseLostChain(options.dir, unsavedFile)
  const logFile = join(options.dir, 'anvil.log')
  const argv = [
    new URL('./keeper.ts', import.meta.url).pathname,
    logFile,
    findAnvil(),
    // Else it would give money to accounts that the genesis file does not have.
    ...['--accounts', String(DEV_ACCOUNTS.length)],
    ...['--init', options.genesisFile, '--port', String(options.port), '--chain-id', String(DEV_CHAIN_ID)],
    ...[
      '--block-time',
      String(options.blockTimeMs / 1_000),
      '--hardfork',
      'osaka',
      '--no-request-size-limit', // a chain that is loaded again, a large deployment
      '--slots-in-an-epoch',
      '8',
    ],
  ]
  const child = superviseChild('anvil', argv, {
    log: options.log,
    restart: () => false,
    onExit: options.onExit,
  })
  scope.defer(() => child.stop())
  const http = `http://127.0.0.1:${options.port}`
  await answers(http, child, logFile)
  if (existsSync(stateFile)) await call(http, 'anvil_loadState', [readFileSync(stateFile, 'utf8')])
  return {
    http,
    webSocket: `ws://127.0.0.1:${options.port}`,
    keep() {
      writeFileSync(unsavedFile, '')
      return async () => {
        try {
          const state = String(await call(http, 'anvil_dumpState', [true]))
          writeFileSync(`${stateFile}.new`, state)
          renameSync(`${stateFile}.new`, stateFile)
          rmSync(unsavedFile)
        } catch (thrown) {
          options.log.warn('the chain of anvil was not saved', { error: messageOf(thrown) })
        }
      }
    },
  }
}

/** anvil keeps its chain in memory alone. Where it could not be saved, the feed has final blocks that anvil would contradict for ever. */
function refuseLostChain(dir: string, unsavedFile: string): void {
  if (!existsSync(unsavedFile)) return
  throw new Fault(
    'dev/chain-lost',
    `the last drover dev on ${dir} was killed before anvil's chain was saved, so its cluster cannot go on: remove the folder to start anew, or give another one with --data`,
  )
}

async function answers(http: string, child: Child, logFile: string): Promise<void> {
  let ended: unknown
  child.ready.catch((thrown: unknown) => (ended = thrown))
  for (const end = performance.now() + START_MS; ; ) {
    try {
      await call(http, 'eth_chainId', [])
      return
    } catch (cause) {
      if (ended === undefined && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS))
        continue
      }
      const said = existsSync(logFile)
        ? readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' ')
        : ''
      throw new Fault(
        'dev/client-failed',
        `anvil does not answer at ${http}: ${said || 'it wrote nothing'}`,
        {},
        { cause },
      )
    }
  }
}

/** The binary that came with the packages, else one on the PATH. */
function findAnvil(): string {
  try {
    const home = dirname(createRequire(import.meta.url).resolve('@foundry-rs/anvil-linux-amd64/package.json'))
    const name = readdirSync(join(home, 'bin')).find((file) => file.startsWith('anvil'))
    if (name !== undefined) return join(home, 'bin', name)
  } catch {
    // No package for this platform: an installed one will do.
  }
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((dir) => join(dir, 'anvil'))
  const found = onPath.find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new Fault(
    'dev/no-anvil',
    'anvil is not here: its npm package exists for linux-x64 only. Install Foundry, or follow a client of your own with --client URL --genesis FILE',
  )
}
