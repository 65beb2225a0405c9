/** What is done to masters, their clients and the broker: drawn from a seed, so that a run can be had again. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Prng } from '#kernel/prng.ts'
import type { KafkaRig } from '#test/cluster/rig.ts'
import type { FedClient } from '#test/geth/fed-client.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import type { KafkaBroker } from '#test/support/kafka-broker.ts'

export interface PlannedFault {
  /** `m1`, `c1` (its client), … or `broker`. */
  readonly victim: string
  readonly deed: Deed
  /** Since the round began. */
  readonly afterMs: number
  /** How long it is down, stands still, is held or late. */
  readonly forMs: number
}

const DEEDS = {
  master: ['kill', 'restart', 'pause', 'pause'],
  client: ['kill', 'wipe', 'restart', 'pause', 'hold', 'late'],
  broker: ['kill', 'restart', 'pause'],
} as const

export type Deed = (typeof DEEDS)[keyof typeof DEEDS][number]

const AT_ONCE_MAX = 3
const AFTER_MS_MAX = 1_500
const DOWN_MS_MAX = 3_000
const PAUSE_MS_MIN = 1_000
const LATE_MS_MIN = 100
const LATE_MS_MAX = 3_000

/** The faults of one round, each of another victim. @param pauseMsMax of a pause: as many short as long ones, by magnitude */
export function drawFaults(
  prng: Prng,
  plan: { readonly masters: number; readonly pauseMsMax: number },
): PlannedFault[] {
  const places = Array.from({ length: plan.masters }, (_, i) => i + 1)
  const victims = [...places.map((i) => `m${i}`), ...places.map((i) => `c${i}`), 'broker']
  return Array.from({ length: prng.between(1, AT_ONCE_MAX) }, () => {
    const victim = prng.pick(victims)
    victims.splice(victims.indexOf(victim), 1)
    const deed = prng.pick<Deed>(DEEDS[roleOf(victim)])
    const isPause = deed === 'pause' || deed === 'hold' || deed === 'late'
    const pauseMs = Math.round(PAUSE_MS_MIN * (plan.pauseMsMax / PAUSE_MS_MIN) ** prng.unit())
    const downMs = prng.between(0, DOWN_MS_MAX)
    return { victim, deed, afterMs: prng.between(0, AFTER_MS_MAX), forMs: isPause ? pauseMs : downMs }
  })
}

export function describe(faults: readonly PlannedFault[]): string {
  return faults.map(({ victim, deed, forMs }) => `${deed} ${victim} ${forMs} ms`).join(', ')
}

/** Resolves when the victim lives again, as far as it is up to us. */
export async function carryOut(rig: KafkaRig, fault: PlannedFault): Promise<void> {
  await sleep(fault.afterMs)
  const place = Number(fault.victim.slice(1)) - 1
  const [master, client] = [rig.cluster.masters[place], rig.network.clients[place]]
  const role = roleOf(fault.victim)
  if (role === 'broker') await toBroker(rig.broker, fault)
  else if (role === 'master') await toMaster(master as DroverProcess, fault)
  else await toClient(client as FedClient, fault)
}

async function toMaster(master: DroverProcess, { deed, forMs }: PlannedFault): Promise<void> {
  if (deed === 'pause') {
    master.signal('SIGSTOP')
    await sleep(forMs)
    master.signal('SIGCONT')
    return
  }
  await (deed === 'kill' ? master.kill('SIGKILL') : master.stop())
  await sleep(forMs)
  await master.start()
}

async function toClient(client: FedClient, { deed, forMs }: PlannedFault): Promise<void> {
  if (deed === 'pause') {
    client.node.pause()
    await sleep(forMs)
    client.node.resume()
  } else if (deed === 'hold') {
    client.hold()
    await sleep(forMs)
    client.release()
  } else if (deed === 'late') {
    client.delayMs = Math.min(Math.max(forMs, LATE_MS_MIN), LATE_MS_MAX)
    await sleep(forMs)
    client.delayMs = 0
  } else if (deed === 'restart') await client.restart()
  else await client.kill({ wipe: deed === 'wipe', downMs: forMs })
}

async function toBroker(broker: KafkaBroker, { deed, forMs }: PlannedFault): Promise<void> {
  if (deed === 'pause') {
    broker.pause()
    await sleep(forMs)
    broker.resume()
    return
  }
  await broker.stop(deed === 'kill' ? 'SIGKILL' : 'SIGTERM')
  await sleep(forMs)
  await broker.start()
}

function roleOf(victim: string): keyof typeof DEEDS {
  if (victim === 'broker') return 'broker'
  return victim.startsWith('m') ? 'master' : 'client'
}
