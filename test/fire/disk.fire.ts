/**
 * What disks and clocks do to people: full, failing, lying, jumping. Each time there is a clear error with its code, whoever can serve
 * serves on, all goes on when the cause is gone, and at the end nothing is lost and nothing is there twice.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEV_ACCOUNTS } from '#cli/dev/genesis.ts'
import { messageOf } from '#kernel/fault.ts'
import { eachBlockOnce, exactReplicas, grows, likeFromScratch } from '#test/cluster/judge.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import { answer, result } from '#test/support/json-rpc.ts'
import { anvilPath } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import type { Fire } from './fire.ts'
import { openRig, type Rig } from './rig.ts'
import { limitFileSize, mountSmallDisk, type SmallDisk, smallDisksMissing } from './small-disk.ts'

const SEEN_MS = 60_000
/** Long enough that whoever does not stand it has ended. */
const STAND_MS = 3_000
const HOUR_MS = 3_600_000
const BIG_DATA_BYTES = 60_000

interface Scene {
  readonly rig: Rig
  readonly disks: { readonly feed: SmallDisk; readonly m1: SmallDisk; readonly r1: SmallDisk }
}

export const fire: Fire = {
  name: 'disk',
  summary:
    'full disks of feed host, master and replica, a disk that fails, a flipped bit, a clock that jumps',
  flags: ['only'],
  missing: () => (anvilPath() === undefined ? 'anvil has no package for this platform' : smallDisksMissing()),
  async run({ say, flags }) {
    const mounts: SmallDisk[] = []
    const mount = (dir: string, megabytes: number): SmallDisk => {
      const disk = mountSmallDisk(dir, megabytes)
      mounts.push(disk)
      return disk
    }
    let disks: Scene['disks'] | undefined
    const rig = await openRig({
      blockTimeMs: 250,
      prepare(dir) {
        disks = {
          feed: mount(join(dir, 'feed'), 48),
          m1: mount(join(dir, 'm1'), 48),
          r1: mount(join(dir, 'r1'), 48),
        }
      },
      unmount: () => {
        for (const disk of mounts) disk.unmount()
      },
    })
    const violations: string[] = []
    let passed = 0
    try {
      const scene = { rig, disks: disks as Scene['disks'] }
      for (const [name, play] of Object.entries(scenes)) {
        if (flags['only'] !== undefined && flags['only'] !== name) continue
        try {
          await play(scene)
          await grows(rig.cluster.gateway.url, 2)
          passed++
          say(`${name}: held`)
        } catch (thrown) {
          violations.push(`${name}: ${messageOf(thrown)}`)
          say(`${name}: ${messageOf(thrown)}`)
        }
      }
      await rig.quiet()
      for (const check of [
        () => exactReplicas(rig.cluster, rig.anvil),
        () => eachBlockOnce(rig.cluster),
        () => likeFromScratch(rig.cluster, rig.genesisFile),
      ])
        await check().catch((thrown: unknown) => violations.push(messageOf(thrown).slice(0, 1_000)))
    } finally {
      await rig.close()
    }
    return {
      verdict: `${passed} scenes: clear errors, nothing lost, recovery when the cause goes`,
      violations,
      counts: { scenes: passed },
      missing: [
        'libfaketime: the clock jumps as Date tells it in each process; the monotonic one, by which Drover measures, cannot',
      ],
    }
  },
}

const scenes: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'feed-full': async ({ rig, disks }) => {
    const { feed, master, gateway } = rig.cluster
    disks.feed.fill()
    await said(feed, /no space is left for .*feed/)
    await stands(rig, [feed, master, gateway.process])
    disks.feed.empty()
  },
  'feed-failing': async ({ rig }) => {
    const { feed, master, gateway, dir } = { ...rig.cluster, dir: rig.dir }
    limitFileSize(feed.pid as number, statSync(lastSegment(dir)).size)
    await said(feed, /the disk failed at .*EFBIG/)
    await stands(rig, [feed, master, gateway.process])
    limitFileSize(feed.pid as number, undefined)
  },
  'replica-full': async ({ rig, disks }) => {
    const [first] = rig.cluster.replicas
    if (first === undefined) throw new Error('there is a replica')
    const big = bigTraffic(rig)
    try {
      disks.r1.fill()
      await said(first.process, /the disk is full: nothing is applied until there is room/)
      const stuckAt = Number(await result(first.url, 'eth_blockNumber'))
      await grows(rig.cluster.gateway.url, 2)
      if (Number(await result(first.url, 'eth_getTransactionCount', [DEV_ACCOUNTS[0], 'latest'])) === 0)
        throw new Error('the replica does not serve what it has')
      disks.r1.empty()
      await waitFor('the replica to go on', SEEN_MS, async () =>
        Number(await result(first.url, 'eth_blockNumber')) > stuckAt + 2 ? true : undefined,
      )
    } finally {
      clearInterval(big)
    }
  },
  'master-full': async ({ rig, disks }) => {
    const { master, gateway, feed } = rig.cluster
    const big = bigTraffic(rig)
    try {
      disks.m1.fill()
      await said(master, /store\/disk-low|no room for/)
      await stands(rig, [master, gateway.process, feed])
      disks.m1.empty()
      await grows(gateway.url, 2)
    } finally {
      clearInterval(big)
    }
  },
  'flipped-bit': async ({ rig }) => {
    const { feed } = rig.cluster
    await feed.stop()
    const file = lastSegment(rig.dir)
    const whole = readFileSync(file)
    const flipped = Buffer.from(whole)
    const at = Math.floor(whole.length / 2)
    flipped[at] = (flipped[at] as number) ^ 1
    writeFileSync(file, flipped)
    const refused = await feed.start().then(
      () => 'it started',
      (thrown: unknown) => messageOf(thrown),
    )
    if (!/damaged at byte \d+.*feed\/damaged/s.test(refused))
      throw new Error(`no clear error: ${refused.slice(-300)}`)
    if (!readFileSync(file).equals(flipped)) throw new Error('a damaged feed was changed')
    writeFileSync(file, whole)
    await feed.start()
  },
  'clock-jumps': async ({ rig }) => {
    const { master, feed, gateway, replicas } = rig.cluster
    const file = join(rig.dir, 'clock')
    writeFileSync(file, '0')
    const all = [feed, master, gateway.process, ...replicas.map(({ process }) => process)]
    process.env['FIRE_CLOCK_FILE'] = file
    process.env['NODE_OPTIONS'] = `--import=${join(import.meta.dirname, 'jumping-clock.ts')}`
    try {
      for (const one of all) {
        await one.stop()
        await one.start()
      }
      await grows(gateway.url, 2)
      for (const hours of [1, -2, 0]) {
        const seen = all.map((one) => said(one, /the wall clock jumped by/))
        writeFileSync(file, String(hours * HOUR_MS))
        await Promise.all(seen)
        const before = Number(await result(gateway.url, 'eth_blockNumber'))
        await grows(gateway.url, 4)
        if (Number(await result(gateway.url, 'eth_blockNumber')) < before)
          throw new Error('the head went back')
      }
      const ended = all.find((one) => !one.isRunning)
      if (ended !== undefined) throw new Error(`drover ${ended.args[0]} ended: ${ended.log.slice(-300)}`)
    } finally {
      delete process.env['FIRE_CLOCK_FILE']
      delete process.env['NODE_OPTIONS']
      for (const one of all) {
        await one.stop()
        await one.start()
      }
    }
  },
}

/** Transactions with much data, so that stores grow. */
function bigTraffic({ anvil }: Rig): NodeJS.Timeout {
  const [, from, to] = DEV_ACCOUNTS
  const data = `0x${'ab'.repeat(BIG_DATA_BYTES)}`
  return setInterval(() => {
    void answer(anvil.http, 'eth_sendTransaction', [{ from, to, data, gas: '0x500000' }]).catch(() => {})
  }, 200)
}

/** In what the process logs from now on. */
async function said(process: DroverProcess, what: RegExp): Promise<void> {
  const before = process.log.length
  await waitFor(`drover ${process.args[0]} to say ${what}`, SEEN_MS, () => {
    if (!process.isRunning) throw new Error(`it ended: ${process.log.slice(-500)}`)
    return what.test(process.log.slice(Math.min(before, process.log.length - 1))) ? true : undefined
  })
}

/** None of them ends, and the gateway answers from what is there. */
async function stands({ cluster }: Rig, processes: readonly DroverProcess[]): Promise<void> {
  await result(cluster.gateway.url, 'eth_getBalance', [DEV_ACCOUNTS[0], 'latest'])
  await sleep(STAND_MS)
  await result(cluster.gateway.url, 'eth_getBalance', [DEV_ACCOUNTS[0], 'latest'])
  for (const process of processes)
    if (!process.isRunning) throw new Error(`drover ${process.args[0]} ended: ${process.log.slice(-500)}`)
}

function lastSegment(dir: string): string {
  const name = readdirSync(join(dir, 'feed'))
    .filter((file) => file.endsWith('.log'))
    .sort()
    .at(-1)
  if (name === undefined) throw new Error('the feed has a segment')
  return join(dir, 'feed', name)
}
