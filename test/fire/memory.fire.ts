/**
 * A replica in a memory cgroup of 512 MB and a gateway in one of 256 MB, each asked for ten times what it can serve, with answers that are
 * large: what is too much is refused with 503 and -32005, the kernel kills nobody, and seconds after the crowd has gone all is as before.
 */
import { statfsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { DroverProcess } from '#test/support/drover-process.ts'
import { answer, result } from '#test/support/json-rpc.ts'
import { anvilPath } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { numberFlag } from '#tools/flags.ts'
import type { Fire } from './fire.ts'
import { startFlood } from './flood.ts'
import { groupsMissing, type MemoryGroup, openMemoryGroup } from './memory-group.ts'
import { openRig } from './rig.ts'

const MB = 1_000_000
const CODE_ADDRESS = `0x${'c0'.repeat(20)}`
const CODE_BYTES = 24_576
const CALLS = 100
const TMPFS = 0x01_02_19_94
const BACK_MS = 10_000
const TIMES_OFFERED = 10

export const fire: Fire = {
  name: 'memory',
  summary:
    'a replica in 512 MB and a gateway in 256 MB under ten times what they can serve (--seconds N each)',
  flags: ['seconds'],
  missing: () => (anvilPath() === undefined ? 'anvil has no package for this platform' : groupsMissing()),
  async run({ quick, flags, say }) {
    const seconds = numberFlag(flags, 'seconds', quick ? 10 : 120)
    const rig = await openRig({
      blockTimeMs: 500,
      replicas: 1,
      genesis: (genesis) => {
        genesis.alloc[CODE_ADDRESS] = { balance: '0x0', code: `0x${'5b'.repeat(CODE_BYTES)}` }
      },
    })
    const groups: MemoryGroup[] = []
    const confined: DroverProcess[] = []
    const violations: string[] = []
    const counts: Record<string, number> = { seconds }
    const missing =
      statfsSync(rig.dir).type === TMPFS ? ['a disk: the store is on tmpfs, which counts as memory'] : []
    try {
      const { replicas, gateway } = rig.cluster
      const targets = [
        { name: 'replica', bytes: 512 * MB, target: replicas[0] ?? gateway },
        { name: 'gateway', bytes: 256 * MB, target: gateway },
      ]
      for (const { name, bytes, target } of targets) {
        const group = openMemoryGroup(name, bytes)
        groups.push(group)
        await target.process.stop()
        const process = new DroverProcess(...target.process.args).inGroup(group.procs)
        confined.push(process)
        await process.start()
        await waitFor(`the ${name} to be ready`, BACK_MS, async () =>
          (await fetch(`${target.url}/ready`)).ok ? true : undefined,
        )
        await flood({ name, url: target.url, process, group, seconds }, counts, violations)
        say(`${name}: ${JSON.stringify(counts)}`)
      }
    } finally {
      for (const process of confined) await process.stop()
      await rig.close()
      for (const group of groups) group.remove()
    }
    const verdict = `replica: ${counts['replica_answered']} answered, ${counts['replica_refused']} refused; gateway: ${counts['gateway_answered']} answered, ${counts['gateway_refused']} refused; nobody killed`
    return { verdict, violations, counts, missing }
  },
}

async function flood(
  it: { name: string; url: string; process: DroverProcess; group: MemoryGroup; seconds: number },
  counts: Record<string, number>,
  violations: string[],
): Promise<void> {
  const calls = Array.from({ length: CALLS }, (_, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'eth_getCode',
    params: [CODE_ADDRESS, 'latest'],
  }))
  const flooding = startFlood({
    port: Number(new URL(it.url).port),
    body: JSON.stringify(calls),
    clients: 20,
    connectionsEach: 8,
  })
  await sleep(it.seconds * 1_000)
  await flooding.stop()
  const { offered, answered, refused, lost, wrong } = flooding.counts
  const say = (what: string): number => violations.push(`${it.name}: ${what}`)
  if (!it.process.isRunning) say(`it ended (${it.process.ending}):\n${it.process.log.slice(-1_500)}`)
  if (it.group.kills() > 0) say(`the kernel killed ${it.group.kills()} processes`)
  for (const one of new Set(wrong)) say(`an answer that is neither an answer nor a refusal: ${one}`)
  if (answered === 0) say('nobody was answered')
  if (offered < TIMES_OFFERED * answered) say(`only ${offered} were offered where ${answered} were answered`)
  const left = performance.now()
  try {
    await waitFor(`the ${it.name} to be back`, BACK_MS, async () => {
      const { result: number } = await answer(it.url, 'eth_blockNumber', [])
      const page = await (await fetch(`${it.url}/metrics`)).text()
      return number !== undefined && /drover_memory_short 0/.test(page) ? true : undefined
    })
    const code = await result(it.url, 'eth_getCode', [CODE_ADDRESS, 'latest'])
    if (typeof code !== 'string' || code.length !== 2 + 2 * CODE_BYTES) say('the code is not what it was')
  } catch (thrown) {
    say(String(thrown))
  }
  Object.assign(counts, {
    [`${it.name}_offered`]: offered,
    [`${it.name}_answered`]: answered,
    [`${it.name}_refused`]: refused,
    [`${it.name}_lost`]: lost,
    [`${it.name}_highest_bytes`]: it.group.highestBytes(),
    [`${it.name}_back_ms`]: Math.round(performance.now() - left),
  })
}
