/**
 * Maintenance windows of two real clients, wanted by both masters at once over and over: `drover maintain` stops a geth with SIGSTOP for a few
 * seconds, while masters and the broker are killed now and then. Never two at once, no refusal without a reason, every window ends, and
 * blocks are served in each.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '#kernel/fault.ts'
import { createPrng } from '#kernel/prng.ts'
import { HeadWatch } from '#test/cluster/head-watch.ts'
import { exactReplicas } from '#test/cluster/judge.ts'
import { onFeed } from '#test/cluster/published.ts'
import { keepLogs, type KafkaRig, openKafkaRig } from '#test/cluster/rig.ts'
import { allServe, leasesOn, overlapsIn, stallsOf, stallUnderLease } from '#test/cluster/windows.ts'
import { GETH, KAFKA_LIBS } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Fire, FireReport } from './fire.ts'

const BLOCK_TIME_MS = 400
const MASTERS = 2
const HEAD_EVERY_MS = 50
/** Longer than a killed broker takes to come back. */
const STALL_MS_MIN = 2_000
const STALL_MS_MAX = 6_000
const WAIT_MS = 120_000
/** Of the windows of one master, in which something else is killed. */
const TROUBLE_EVERY = 4
const DOWN_MS = 500
const SERVE_MS = 90_000
const REFUSED_CODE = 75
const WAITING = /^waiting: (.*)$/gm

export const fire: Fire = {
  name: 'windows',
  summary:
    'maintenance windows of two clients, masters and broker killed meanwhile (--windows N --seed N --logs DIR)',
  flags: ['windows', 'seed', 'logs'],
  missing: () =>
    existsSync(GETH) && existsSync(join(KAFKA_LIBS, '.done'))
      ? undefined
      : 'geth or Kafka: npm run setup:peers',
  async run({ quick, flags, say }) {
    const windows = wholeFlag(flags, 'windows', quick ? 3 : 20)
    const seed = flags['seed'] ?? String(Math.floor(Math.random() * 1e9))
    say(`seed ${seed}`)
    const rig = await openKafkaRig({ blockTimeMs: BLOCK_TIME_MS, masters: MASTERS, replicas: 1 })
    const watch = new HeadWatch('gateway', rig.cluster.gateway.url, HEAD_EVERY_MS)
    const violations: string[] = []
    const reasons = new Map<string, number>()
    let left = windows
    let troubles = 0
    /** Clients in whose window something else is killed, so that no block need come. */
    const troubled = new Set<string>()
    try {
      await allServe(rig, SERVE_MS)
      const keepBusy = async (place: number): Promise<void> => {
        const prng = createPrng(seed).child(`c${place + 1}`)
        for (let i = 1; left > 0; i++) {
          left--
          const stallMs = prng.between(STALL_MS_MIN, STALL_MS_MAX)
          const deed = i % TROUBLE_EVERY === 0 ? prng.pick(DEEDS) : undefined
          if (deed !== undefined) troubles++
          if (deed !== undefined) troubled.add(`c${place + 1}`)
          else troubled.delete(`c${place + 1}`)
          const before = stallsOf(rig).length
          const [{ code, output }] = await Promise.all([
            stallUnderLease(rig, place, { stallMs, waitMs: WAIT_MS }),
            deed && whileStalled(rig, place, before, () => trouble(rig, place, deed)),
          ])
          if (code !== 0)
            violations.push(
              `a window of c${place + 1} ended with ${code}${code === REFUSED_CODE ? ' (refused)' : ''}: ${output}`,
            )
          for (const [, why = ''] of output.matchAll(WAITING)) {
            if (why.trim() === '') violations.push('a refusal gave no reason')
            const kind = why.replaceAll(/\d+/g, 'N')
            reasons.set(kind, (reasons.get(kind) ?? 0) + 1)
          }
          say(
            `c${place + 1} stalled ${stallMs} ms${deed === undefined ? '' : `, meanwhile: ${deed}`}; ${left} left`,
          )
          await sleep(prng.between(0, STALL_MS_MIN))
        }
      }
      const grown = growthInStalls(rig, watch, troubled)
      await Promise.all(rig.cluster.masters.map((_, place) => keepBusy(place)))
      violations.push(...(await grown.end()))
      return await judge(rig, { watch, violations, windows, troubles, reasons, seed, say })
    } finally {
      await watch.stop()
      if (flags['logs'] !== undefined) keepLogs(rig, flags['logs'])
      await rig.close()
    }
  },
}

const DEEDS = ['kill its master', 'kill the other master', 'kill the broker'] as const

async function trouble(rig: KafkaRig, place: number, deed: (typeof DEEDS)[number]): Promise<void> {
  if (deed === 'kill the broker') {
    await rig.keeper.kill()
    await sleep(DOWN_MS)
    await rig.keeper.start()
    return
  }
  const master = rig.cluster.masters[deed === 'kill its master' ? place : 1 - place]
  await master?.kill('SIGKILL')
  await sleep(DOWN_MS)
  await master?.start()
}

/** Waits until the client has stalled once more. */
async function whileStalled(
  rig: KafkaRig,
  place: number,
  before: number,
  act: () => Promise<void>,
): Promise<void> {
  await waitFor(`c${place + 1} to stall`, WAIT_MS, () =>
    stallsOf(rig)
      .slice(before)
      .includes(`+c${place + 1}`)
      ? true
      : undefined,
  )
  await act()
}

/** Looks at the served head at the beginning and the end of each stall. */
function growthInStalls(
  rig: KafkaRig,
  watch: HeadWatch,
  troubled: ReadonlySet<string>,
): { end(): Promise<string[]> } {
  const stood: string[] = []
  let running = true
  const done = (async () => {
    let seen = 0
    let headBefore = 0
    for (; running; await sleep(HEAD_EVERY_MS)) {
      const stalls = stallsOf(rig)
      for (const line of stalls.slice(seen)) {
        if (line.startsWith('+')) headBefore = watch.highest
        else if (watch.highest <= headBefore && !troubled.has(line.slice(1)))
          stood.push(`no block was served while ${line.slice(1)} stalled`)
      }
      seen = stalls.length
    }
  })()
  return {
    async end() {
      running = false
      await done
      return stood
    },
  }
}

async function judge(
  rig: KafkaRig,
  lived: {
    readonly watch: HeadWatch
    readonly violations: string[]
    readonly windows: number
    readonly troubles: number
    readonly reasons: ReadonlyMap<string, number>
    readonly seed: string
    readonly say: (line: string) => void
  },
): Promise<FireReport> {
  const { watch, violations, windows, troubles, reasons, seed, say } = lived
  try {
    await allServe(rig, SERVE_MS)
    await rig.quiet()
    await exactReplicas(rig.cluster, rig.reference, rig.accounts)
  } catch (thrown) {
    violations.push(`afterwards: ${messageOf(thrown)}`)
  }
  const history = await onFeed(rig.cluster, leasesOn)
  const { granted, ended, refusals, openMax, openNow } = history
  violations.push(...overlapsIn(stallsOf(rig)).map((one) => `two at once: ${one}`), ...watch.wrongs)
  if (openMax > 1) violations.push(`${openMax} leases were open at one record`)
  if (openNow > 0 || ended !== granted)
    violations.push(`${openNow} leases are open, ${ended} of ${granted} ended`)
  if (granted < windows) violations.push(`${granted} of ${windows} windows were granted`)
  if (violations.length > 0) for (const line of history.story) say(line)
  if (refusals.some((why) => why.trim() === '')) violations.push('a record was refused without a reason')
  return {
    verdict: `${granted} windows of two clients, ${troubles} kills meanwhile; never two at once, ${refusals.length} refused on the feed, each with a reason, all ended`,
    violations,
    counts: {
      ...{ seed, windows: granted, troubles, refused_on_the_feed: refusals.length },
      waited: [...reasons].map(([why, times]) => `${times} × ${why}`).join('; '),
      blocks: rig.network.chain.length,
    },
  }
}
