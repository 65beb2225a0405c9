/**
 * Replicas that begin on an empty store with a feed of M1's blocks before them, in memory cgroups of ever less: the kernel kills nobody, each is
 * ready, and none takes many times as long as the one that has all the memory it wants.
 */
import '#test/support/core.ts'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { devGenesis } from '#cli/dev/genesis.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { M1 } from '#test/bench/m1/blocks.ts'
import { type GeneratedFeed, generateFeed } from '#test/bench/m1/generated-feed.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { answer } from '#test/support/json-rpc.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Fire } from './fire.ts'
import { groupsMissing, openMemoryGroup } from './memory-group.ts'

const MB = 1_000_000
/** Without a limit first: what the others are measured by. */
const LIMITS_MB = [undefined, 1_024, 512]
/** Pages of files that others would keep in memory are read again, and collectors have more to do. */
const TIMES_AS_LONG_MAX = 4
const GIVEN_UP_MS = 240_000
const APPENDED_BLOCKS = 32
const LOOK_MS = 250

export const fire: Fire = {
  name: 'catch-up',
  summary: 'replicas on empty stores catch up --blocks N of M1 in ever less memory',
  flags: ['blocks'],
  missing: groupsMissing,
  async run({ quick, flags, say }) {
    const blocks = wholeFlag(flags, 'blocks', quick ? 500 : 3_000)
    const dir = mkdtempSync(join(tmpdir(), 'drover-fire-'))
    const violations: string[] = []
    const counts: Record<string, number> = { blocks }
    const genesisFile = join(dir, 'genesis.json')
    writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
    const feed = generateFeed(readGenesis(genesisFile), M1)
    const cluster = await startCluster({
      ...{ client: 'ws://127.0.0.1:9', genesisFile, masters: 0, replicas: LIMITS_MB.length },
      onFeed: (log) => log.append([feed.generation]),
    })
    try {
      for (const { process } of cluster.replicas) await process.stop()
      const log = await cluster.openFeed()
      await fill(log, feed, blocks)
      await log.close()
      say(`${blocks} blocks are on the feed`)
      let usualMs = 0
      for (const [i, limitMB] of LIMITS_MB.entries()) {
        const name = limitMB === undefined ? 'unlimited' : `${limitMB}MB`
        const it = await caughtUp(cluster.replicas[i] as Cluster['replicas'][number], limitMB, blocks)
        Object.assign(counts, { [`${name}_ms`]: it.tookMs, [`${name}_anonymous_MB`]: it.anonymousMB })
        for (const wrong of it.wrong) violations.push(`${name}: ${wrong}`)
        if (limitMB === undefined) usualMs = it.tookMs
        if (it.tookMs > TIMES_AS_LONG_MAX * usualMs)
          violations.push(`${name}: ready after ${it.tookMs} ms, without a limit after ${usualMs} ms`)
        say(`${name}: ready after ${it.tookMs} ms, at most ${it.anonymousMB} MB of anonymous memory`)
      }
    } finally {
      await cluster.stop()
      rmSync(dir, { recursive: true, force: true })
    }
    const verdict = LIMITS_MB.map((limit) => (limit === undefined ? 'no limit' : `${limit} MB`)).join(', ')
    return { verdict: `${blocks} blocks of M1 with ${verdict}; nobody killed`, violations, counts }
  },
}

async function fill(log: RecordLog, { next }: GeneratedFeed, blocks: number): Promise<void> {
  let gathered: Uint8Array[] = []
  for (let block = 1; block <= blocks; block++) {
    gathered.push(...next())
    if (block % APPENDED_BLOCKS > 0 && block < blocks) continue
    await log.append(gathered)
    gathered = []
  }
}

interface CaughtUp {
  readonly tookMs: number
  readonly anonymousMB: number
  readonly wrong: readonly string[]
}

/** Starts it on its empty store, and stops it when it is ready. */
async function caughtUp(
  { process: { args }, url }: Cluster['replicas'][number],
  limitMB: number | undefined,
  blocks: number,
): Promise<CaughtUp> {
  const process = new DroverProcess(...args)
  rmSync(args[args.indexOf('--data') + 1] as string, { recursive: true, force: true })
  const group = limitMB === undefined ? undefined : openMemoryGroup(`catch-up-${limitMB}`, limitMB * MB)
  if (group !== undefined) process.inGroup(group.procs)
  const wrong: string[] = []
  const startedMs = performance.now()
  let anonymousMB = 0
  try {
    await process.start()
    while (process.isRunning && !(await serves(url, blocks))) {
      anonymousMB = Math.max(anonymousMB, anonymousMBOf(process.pid))
      if (performance.now() - startedMs > GIVEN_UP_MS) {
        wrong.push(`it does not serve block ${blocks} after ${GIVEN_UP_MS} ms:\n${process.log.slice(-1_500)}`)
        break
      }
      await sleep(LOOK_MS)
    }
    const tookMs = Math.round(performance.now() - startedMs)
    if (!process.isRunning) wrong.push(`it ended (${process.ending}):\n${process.log.slice(-1_500)}`)
    if (group !== undefined && group.kills() > 0) wrong.push(`the kernel killed ${group.kills()} processes`)
    return { tookMs, anonymousMB, wrong }
  } finally {
    await process.stop()
    group?.remove()
  }
}

async function serves(url: string, block: number): Promise<boolean> {
  const { ok } = await fetch(`${url}/ready`).catch(() => ({ ok: false }))
  return ok && Number((await answer(url, 'eth_blockNumber', [])).result) === block
}

/** Pages of files do not count: the kernel takes them back. */
function anonymousMBOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_000)
}
