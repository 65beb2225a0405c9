/** What is done to masters, their clients and the brokers: drawn from a seed, so that a run can be had again. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Prng } from '#kernel/prng.ts'
import { grows } from '#test/cluster/judge.ts'
import { type KafkaRig, leadingBrokerOf } from '#test/cluster/rig.ts'
import type { FedClient } from '#test/geth/fed-client.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import type { KafkaBroker } from '#test/support/kafka-broker.ts'

export interface PlannedFault {
  /** `m1`, `c1` (its client), `b1`, or `b-leader`: the broker that leads when it is done. */
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

/**
 * The faults of one round, each of another victim; of brokers one at most, so that others could do its work.
 * @param plan masters 0: brokers alone; pauseMsMax: of a pause, as many short as long ones, by magnitude
 */
export function drawFaults(
  prng: Prng,
  plan: { readonly masters: number; readonly brokers: number; readonly pauseMsMax: number },
): PlannedFault[] {
  const named = (letter: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)
  const masters = [...named('m', plan.masters), ...named('c', plan.masters)]
  const brokers = plan.brokers === 1 ? ['b1'] : [...named('b', plan.brokers), 'b-leader']
  const victims = [...masters.map((one) => [one]), brokers]
  const count = Math.min(prng.between(1, AT_ONCE_MAX), victims.length)
  return Array.from({ length: count }, () => {
    const kind = prng.pick(victims)
    victims.splice(victims.indexOf(kind), 1)
    const victim = prng.pick(kind)
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
  if (role === 'broker') await toBroker(rig, rig.brokers[place] ?? (await leadingBrokerOf(rig)), fault)
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

/** It comes back when the others have gone on without it. */
async function toBroker(rig: KafkaRig, broker: KafkaBroker, { deed, forMs }: PlannedFault): Promise<void> {
  if (deed === 'pause') broker.pause()
  else await broker.stop(deed === 'kill' ? 'SIGKILL' : 'SIGTERM')
  try {
    await sleep(forMs)
    if (rig.brokers.length > 1) await grows(rig.cluster.gateway.url, 1)
  } finally {
    if (deed === 'pause') broker.resume()
    else await broker.start()
  }
}

function roleOf(victim: string): keyof typeof DEEDS {
  if (victim.startsWith('b')) return 'broker'
  return victim.startsWith('m') ? 'master' : 'client'
}
