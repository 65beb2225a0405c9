/** Crowds of clients before one gateway while processes are killed and the chain is reorganised: no head goes back, no batch is torn, no block that was shown is unknown. */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '#kernel/fault.ts'
import { Hammer } from '#test/cluster/hammer.ts'
import { grows } from '#test/cluster/judge.ts'
import { anvilPath } from '#test/support/needs.ts'
import { numberFlag } from '#tools/flags.ts'
import type { Fire } from './fire.ts'
import { openRig, type Rig } from './rig.ts'

const CROWDS = [16, 256]
const REORG_DEPTH_MAX = 4

export const fire: Fire = {
  name: 'clients',
  summary: '16 and 256 clients at one gateway under kills and reorgs (--seconds N for each crowd)',
  flags: ['seconds'],
  missing: () => (anvilPath() === undefined ? 'anvil has no package for this platform' : undefined),
  async run({ quick, flags, say }) {
    const seconds = numberFlag(flags, 'seconds', quick ? 12 : 300)
    const violations: string[] = []
    const counts: Record<string, number> = { kills: 0, reorgs: 0 }
    for (const clients of CROWDS) {
      const rig = await openRig({ blockTimeMs: 300 })
      const hammers = Array.from({ length: clients }, () => new Hammer(rig.cluster.gateway.url))
      try {
        await disturb(rig, seconds, counts, violations)
        await Promise.all(hammers.map((hammer) => hammer.stop()))
        const answers = hammers.reduce((sum, hammer) => sum + hammer.answers, 0)
        counts[`answers_${clients}`] = answers
        violations.push(
          ...hammers.flatMap(({ wrongs }) => wrongs.map((wrong) => `${clients} clients: ${wrong}`)),
        )
        if (hammers.some((hammer) => hammer.answers === 0))
          violations.push(`${clients} clients: one was never answered`)
        say(`${clients} clients: ${answers} answers, ${violations.length} violations`)
      } finally {
        await Promise.all(hammers.map((hammer) => hammer.stop()))
        await rig.close()
      }
    }
    return {
      verdict: `${counts['answers_16']} and ${counts['answers_256']} judged answers, ${counts['kills']} kills, ${counts['reorgs']} reorgs`,
      violations,
      counts: { seconds, ...counts },
    }
  },
}

/** A kill or a reorg, then the cluster goes on, over and over. */
async function disturb(
  rig: Rig,
  seconds: number,
  counts: Record<string, number>,
  violations: string[],
): Promise<void> {
  const { replicas, master, feed, gateway } = rig.cluster
  const victims = [...replicas.map(({ process }) => process), master, feed]
  const end = performance.now() + seconds * 1_000
  for (let turn = 0; performance.now() < end; turn++) {
    await sleep(200 + Math.random() * 800)
    try {
      if (turn % 2 === 0) {
        await rig.miner.reorg(1 + Math.floor(Math.random() * REORG_DEPTH_MAX))
        counts['reorgs'] = (counts['reorgs'] ?? 0) + 1
      } else {
        const victim = victims[(turn >> 1) % victims.length]
        await victim?.kill('SIGKILL')
        await victim?.start()
        counts['kills'] = (counts['kills'] ?? 0) + 1
      }
      await grows(gateway.url, 2)
    } catch (thrown) {
      violations.push(`turn ${turn}: ${messageOf(thrown)}`)
    }
  }
}
