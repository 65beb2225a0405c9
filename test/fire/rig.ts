/** A cluster under fire: anvil with traffic, and feed host, master, replicas and gateway as processes of their own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { Anvil } from '#test/master/anvil.ts'
import { grows } from '#test/cluster/judge.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { answer } from '#test/support/json-rpc.ts'

const TRAFFIC_EVERY_MS = 50

interface Miner {
  stop(): Promise<void>
  start(): void
  /** Replaces the last `depth` blocks by empty ones. */
  reorg(depth: number): Promise<unknown>
}

export interface Rig {
  readonly dir: string
  readonly genesisFile: string
  readonly anvil: Anvil
  readonly cluster: Cluster
  /** Makes all blocks. */
  readonly miner: Miner
  /** No more blocks, no more transactions. */
  quiet(): Promise<void>
  close(): Promise<void>
}

export async function openRig(options: {
  readonly blockTimeMs: number
  readonly replicas?: number
  readonly genesis?: (genesis: { readonly alloc: Record<string, unknown> }) => void
  /** Makes folders of the cluster before it starts: `feed`, `m1`, `r1`. */
  readonly prepare?: (dir: string) => void
  /** After all processes have ended. */
  readonly unmount?: () => void
}): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-fire-'))
  const genesisFile = join(dir, 'genesis.json')
  const genesis = devGenesis(1_700_000_000) as { alloc: Record<string, unknown> }
  options.genesis?.(genesis)
  writeFileSync(genesisFile, JSON.stringify(genesis))
  options.prepare?.(dir)
  const anvil = await Anvil.start(genesisFile)
  const miner = createMiner(anvil, options.blockTimeMs)
  miner.start()
  const traffic = setInterval(() => {
    const [from, to] = DEV_ACCOUNTS
    void answer(anvil.http, 'eth_sendTransaction', [{ from, to, value: '0x7' }]).catch(() => {})
  }, TRAFFIC_EVERY_MS)
  const end = async (): Promise<void> => {
    clearInterval(traffic)
    await miner.stop()
    await anvil.stop()
    options.unmount?.()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const cluster = await startCluster({
      client: anvil.webSocket,
      genesisFile,
      replicas: options.replicas ?? 2,
      dir,
    })
    await grows(cluster.gateway.url, 3)
    return {
      dir,
      genesisFile,
      anvil,
      cluster,
      miner,
      async quiet() {
        clearInterval(traffic)
        await miner.stop()
      },
      async close() {
        await cluster.stop()
        await end()
      },
    }
  } catch (thrown) {
    await end()
    throw thrown
  }
}

/**
 * Not anvil's own interval, which cannot be told to begin after a chain has been loaded. One thing at a time: an `anvil_reorg`
 * during an `evm_mine` leaves a chain whose next block has the old branch as its parent and the state of the new one.
 */
function createMiner(anvil: Anvil, everyMs: number): Miner {
  let timer: NodeJS.Timeout | undefined
  let last: Promise<unknown> = Promise.resolve()
  let mining = false
  const inTurn = (act: () => Promise<unknown>): Promise<unknown> => {
    const done = last.then(act)
    last = done.catch(() => {})
    return done
  }
  return {
    async stop() {
      clearInterval(timer)
      await last
    },
    start() {
      timer = setInterval(() => {
        if (mining) return
        mining = true
        void inTurn(() => anvil.mine())
          .catch(() => {})
          .finally(() => (mining = false))
      }, everyMs)
    },
    reorg: (depth) => inTurn(() => anvil.rpc('anvil_reorg', depth, [])),
  }
}
/** Memory of a process that no file is behind, in bytes. */
export function anonymousBytes(pid: number | undefined): number {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(lines)?.[1] ?? 0)
  return (kilobytes('RssAnon') + kilobytes('RssShmem')) * 1_024
}
