/**
 * SIGKILL of each process at random moments under load, the client too: the cluster returns by itself each time; at the end nothing is lost
 * and nothing was applied twice: every block is on the feed once, and replicas equal one that was built from scratch, table by table.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '#kernel/fault.ts'
import { Hammer } from '#test/cluster/hammer.ts'
import { eachBlockOnce, exactReplicas, grows, likeFromScratch } from '#test/cluster/judge.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import { anvilPath } from '#test/support/needs.ts'
import { wholeFlag } from '#tools/flags.ts'
import { type Fire, type FireReport } from './fire.ts'
import { openRig, type Rig } from './rig.ts'

const BLOCK_TIME_MS = 200
const HAMMERS = 4
/** Up to so long after the cluster has returned, the next one is killed. */
const PAUSE_MS_MAX = 600

export const fire: Fire = {
  name: 'kill',
  summary:
    'SIGKILL of replica, master, gateway, feed host and client at random moments under load (--times N each)',
  flags: ['times'],
  missing: () => (anvilPath() === undefined ? 'anvil has no package for this platform' : undefined),
  async run({ quick, flags, say }) {
    const times = wholeFlag(flags, 'times', quick ? 1 : 25)
    const rig = await openRig({ blockTimeMs: BLOCK_TIME_MS })
    const hammers = Array.from({ length: HAMMERS }, () => new Hammer(rig.cluster.gateway.url))
    const violations: string[] = []
    let kills = 0
    try {
      const { gateway, replicas, master, feed } = rig.cluster
      const victims: readonly (readonly [string, () => Promise<void>])[] = [
        ['replica', () => killed(replicas[kills % replicas.length]?.process ?? gateway.process)],
        ['master', () => killed(master)],
        ['gateway', () => killed(gateway.process)],
        ['feed host', () => killed(feed)],
        ['client', () => restarted(rig)],
      ]
      for (let round = 0; round < times; round++) {
        for (const [name, kill] of victims) {
          await sleep(Math.random() * PAUSE_MS_MAX)
          await kill()
          kills++
          await attempt(violations, `after kill ${kills} (${name})`, () => grows(gateway.url, 2))
        }
        say(`round ${round + 1} of ${times}: ${kills} kills, ${violations.length} violations`)
      }
      return await judge(rig, hammers, violations, kills)
    } finally {
      await Promise.all(hammers.map((hammer) => hammer.stop()))
      await rig.close()
    }
  },
}

async function judge(
  rig: Rig,
  hammers: readonly Hammer[],
  violations: string[],
  kills: number,
): Promise<FireReport> {
  await Promise.all(hammers.map((hammer) => hammer.stop()))
  await rig.quiet()
  violations.push(...hammers.flatMap(({ wrongs }) => wrongs))
  await attempt(violations, 'replicas and client', () => exactReplicas(rig.cluster, rig.anvil))
  await attempt(violations, 'the feed', () => eachBlockOnce(rig.cluster))
  await attempt(violations, 'a store from scratch', () => likeFromScratch(rig.cluster, rig.genesisFile))
  const answers = hammers.reduce((sum, hammer) => sum + hammer.answers, 0)
  if (answers < 100) violations.push(`only ${answers} answers: there was no load`)
  const blocks = Math.max(...hammers.map(({ highest }) => highest))
  return {
    verdict: `${kills} kills under load over ${blocks} blocks; nothing lost, nothing twice, stores as from scratch`,
    violations,
    counts: { kills, blocks, answers },
  }
}

async function killed(process: DroverProcess): Promise<void> {
  await process.kill('SIGKILL')
  await process.start()
}

/** anvil keeps its chain in memory alone: no block between its last words and its end, then it is told them again. */
async function restarted({ anvil, miner }: Rig): Promise<void> {
  await miner.stop()
  const state = await anvil.rpc('anvil_dumpState', true)
  await anvil.stop()
  await anvil.start()
  await anvil.rpc('anvil_loadState', state)
  miner.start()
}

async function attempt(violations: string[], what: string, check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (thrown) {
    violations.push(`${what}: ${messageOf(thrown).slice(0, 1_000)}`)
  }
}
