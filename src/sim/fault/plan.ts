/**
 * Makes faults happen, each by its chance, and takes them away again: what was killed is started, what was cut is healed, after a while of
 * its own or when `heal` ends the first phase of a run. Every fault draws from a child of its own.
 */
import type { Prng } from '#kernel/prng.ts'
import type { Cluster, Machine } from '#sim/cluster/cluster.ts'
import type { Network } from '#sim/net/network.ts'
import type { SimProcess } from '#sim/world/process.ts'
import type { World } from '#sim/world/world.ts'
import { type Fault, FAULTS, type Probabilities } from './probabilities.ts'

export interface FaultPlan {
  start(): void
  /** From now on nothing fails: everybody is up, connected, and has a good disk and clock. */
  heal(): void
}

interface Parts {
  readonly world: World
  readonly network: Network
  readonly cluster: Cluster
}

const TICK_MS = 60
const LATENCY_MS = { min: 0.1, max: 1 }

export function createFaultPlan(probabilities: Probabilities, parts: Parts): FaultPlan {
  const { world } = parts
  const randoms = new Map(FAULTS.map((fault) => [fault, world.random.child(`fault ${fault}`)]))
  let isOver = false
  const effects = effectsOf(parts, () => isOver)

  const tick = (): void => {
    if (isOver) return
    for (const fault of FAULTS) {
      const random = randoms.get(fault) as Prng
      const effect = effects[fault]
      if (effect !== undefined && random.chance(probabilities[fault])) effect(random)
    }
    world.scheduler.after(TICK_MS, undefined, tick)
  }
  return {
    start: () => void world.scheduler.after(TICK_MS, undefined, tick),
    heal() {
      isOver = true
      world.trace.line('faults', 'all is healed')
      healAll(parts)
    },
  }
}

type Effects = Readonly<Partial<Record<Fault, (random: Prng) => void>>>

function effectsOf(parts: Parts, isOver: () => boolean): Effects {
  return {
    ...processFaults(parts, isOver),
    ...networkFaults(parts),
    ...diskFaults(parts, isOver),
    ...clientFaults(parts),
  }
}

function processFaults({ world, network, cluster }: Parts, isOver: () => boolean): Effects {
  const drovers = cluster.processes.filter(({ name }) => !name.startsWith('client'))
  const later = (random: Prng, maxMs: number, undo: () => void): void =>
    void world.scheduler.after(random.between(20, maxMs), undefined, undo)
  return {
    kill(random) {
      const process = random.pick(drovers)
      process.kill('is killed')
      later(random, 1_200, () => process.start())
    },
    stop(random) {
      const process = random.pick(drovers)
      process.stop()
      later(random, 1_800, () => process.start())
    },
    killAtCommit(random) {
      const machine = random.pick<Machine>([...cluster.masters, ...cluster.replicas])
      machine.faults.killAtCommit = 0.4
      later(random, 400, () => {
        machine.faults.killAtCommit = 0
      })
    },
    killInSwitch(random) {
      const machine = random.pick(cluster.replicas)
      machine.faults.killInSwitch = 0.4
      later(random, 900, () => {
        machine.faults.killInSwitch = 0
      })
    },
    gatewayRestart(random) {
      cluster.gateway.kill('is killed')
      later(random, 200, () => cluster.gateway.start())
      if (random.chance(0.5)) return
      const { process } = random.pick(cluster.replicas)
      world.trace.line('network', `cuts gateway from ${process.name}`)
      network.cut('gateway', process.name)
      later(random, 900, () => network.heal('gateway', process.name))
    },
    pause(random) {
      const process = random.pick(cluster.processes)
      process.pause()
      later(random, 1_500, () => process.resume())
    },
    sleep(random) {
      const at = random.between(0, cluster.masters.length - 1)
      const { process } = cluster.masters[at] as Machine
      const fallAsleep = (): void => {
        // The others go on meanwhile.
        if (isOver() || cluster.masters.some(({ process }) => process.isPaused())) return
        process.pause()
        world.scheduler.after(random.between(1_900, 3_000), undefined, () => process.resume())
      }
      // At most moments it has no block in hand.
      if (random.chance(0.3)) fallAsleep()
      else cluster.clients[at]?.client.onceAnswered(fallAsleep)
    },
    clockRate(random) {
      const process = random.pick(drovers)
      process.setClock(0.9 + random.unit() * 0.2, process.clockFacts().wallOffsetMs)
    },
    clockJump(random) {
      const process = random.pick(drovers)
      process.setClock(process.clockFacts().rate, random.between(-3_600_000, 3_600_000))
    },
  }
}

function networkFaults({ world, network, cluster }: Parts): Effects {
  const cutFor = (random: Prng, a: SimProcess, b: SimProcess): void => {
    network.cut(a.name, b.name)
    world.scheduler.after(random.between(30, 1_800), undefined, () => network.heal(a.name, b.name))
  }
  return {
    breakConnection(random) {
      const broken = network.breakOne(random.between(0, 1_000))
      if (broken !== undefined) world.trace.line('network', `resets ${broken}`)
    },
    partition(random) {
      const a = random.pick(cluster.processes)
      const b = random.pick(cluster.processes)
      if (a === b) return
      world.trace.line('network', `cuts ${a.name} from ${b.name}`)
      cutFor(random, a, b)
    },
    isolate(random) {
      const alone = random.pick(cluster.processes)
      world.trace.line('network', `cuts ${alone.name} from all`)
      for (const other of cluster.processes) if (other !== alone) cutFor(random, alone, other)
    },
    replicaLags(random) {
      const { process } = random.pick(cluster.replicas)
      world.trace.line('network', `cuts ${process.name} from the feed`)
      cutFor(random, process, cluster.feed)
    },
    slowNetwork(random) {
      network.setLatency({ min: 1, max: random.between(5, 120) })
      world.scheduler.after(random.between(60, 900), undefined, () => network.setLatency(LATENCY_MS))
    },
  }
}

function diskFaults({ world, cluster }: Parts, isOver: () => boolean): Effects {
  const { feed, feedDisk } = cluster
  const { faults } = feedDisk
  const later = (random: Prng, undo: () => void): void =>
    void world.scheduler.after(random.between(30, 900), undefined, undo)
  return {
    powerLoss(random) {
      const strike = (): void => {
        if (isOver()) return
        feed.kill('loses its power')
        world.trace.line('feed', feedDisk.crash())
        later(random, () => feed.start())
      }
      // Most moments find everything synced.
      if (random.chance(0.3)) strike()
      else
        feedDisk.onceWriting(() =>
          world.scheduler.after(random.unit() * 2 * faults.opMs.max, undefined, strike),
        )
    },
    slowDisk(random) {
      faults.opMs = { min: 1, max: random.between(10, 200) }
      later(random, () => (faults.opMs = { min: 0.01, max: 0.2 }))
    },
    fullDisk(random) {
      world.trace.line('feed', 'has a full disk')
      faults.full = true
      later(random, () => (faults.full = false))
    },
    failingDisk(random) {
      world.trace.line('feed', 'has a disk that fails')
      faults.failSync = random.unit() / 2
      faults.failWrite = random.unit() / 2
      later(random, () => Object.assign(faults, { failSync: 0, failWrite: 0 }))
    },
    fullStore(random) {
      const machine = random.pick(cluster.replicas)
      world.trace.line(machine.process.name, 'has a full disk')
      machine.faults.full = true
      later(random, () => (machine.faults.full = false))
    },
  }
}

function clientFaults({ world, cluster }: Parts): Effects {
  return {
    clientRestart(random) {
      const { process } = random.pick(cluster.clients)
      process.kill('is killed')
      world.scheduler.after(random.between(20, 1_200), undefined, () => process.start())
    },
    clientSlow(random) {
      const { client } = random.pick(cluster.clients)
      client.faults.newsMs = { min: 1, max: random.between(50, 900) }
      client.faults.answerMs = { min: 0.1, max: random.between(1, 100) }
    },
    clientSilent(random) {
      random.pick(cluster.clients).client.faults.forgets = random.unit()
    },
  }
}

function healAll({ network, cluster }: Parts): void {
  network.healAll()
  network.setLatency(LATENCY_MS)
  Object.assign(cluster.feedDisk.faults, {
    opMs: { min: 0.01, max: 0.2 },
    full: false,
    failSync: 0,
    failWrite: 0,
  })
  for (const { faults } of [...cluster.masters, ...cluster.replicas])
    Object.assign(faults, { killAtCommit: 0, killInSwitch: 0, full: false })
  for (const { client } of cluster.clients)
    Object.assign(client.faults, { newsMs: { min: 1, max: 30 }, answerMs: { min: 0.1, max: 1 }, forgets: 0 })
  for (const process of cluster.processes) {
    process.setClock(1, 0)
    process.resume()
    process.start()
  }
}
