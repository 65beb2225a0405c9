/**
 * P7, bounded: at any time a process has few timers and connections, and the gateway no more under way than it admits; at rest nothing is
 * left behind: no connection more than the roles need, and no request.
 */
import { IN_FLIGHT_MAX } from '#sim/cluster/gateway.ts'
import type { Checker, CheckerParts } from './checker.ts'

/** Of one process at any time: far below what a leak reaches in a run, above what a burst of users needs. */
const TIMERS_MAX = 100
const CONNECTIONS_MAX = 60
/** Bytes sent and not arrived on all connections of the world. */
const EVENTS_MAX = 4_000
/** At rest: loops' pauses, deadlines of connections, heartbeats. */
const TIMERS_AT_REST_MAX = 12

export function createBoundedChecker({ world, network, cluster }: CheckerParts): Checker {
  const wrong = (what: string): void => world.violate('P7', what)
  return {
    sampled() {
      for (const process of cluster.processes) {
        const timers = process.life()?.timers() ?? 0
        if (timers > TIMERS_MAX) wrong(`${process.name} has ${timers} timers`)
        const connections = network.connectionsOf(process.name).length
        if (connections > CONNECTIONS_MAX) wrong(`${process.name} has ${connections} connections`)
      }
      if (world.scheduler.waiting() > EVENTS_MAX) wrong(`${world.scheduler.waiting()} events wait`)
      const inFlight = cluster.runningGateway()?.status().inFlight ?? 0
      if (inFlight > IN_FLIGHT_MAX) wrong(`the gateway answers ${inFlight} requests at once`)
    },
    left: leftBehind,
    ended() {
      const left = leftBehind()
      if (left !== undefined) wrong(left)
    },
  }

  /** What a cluster at rest does not need. */
  function leftBehind(): string | undefined {
    const masters = cluster.masters.length
    const replicas = cluster.replicas.length
    const expected = new Map<string, number>([
      ['feed', masters + replicas + 1],
      ['gateway', replicas * cluster.streams],
      ...cluster.masters.map(({ process }): [string, number] => [process.name, 2]),
      ...cluster.replicas.map(({ process }): [string, number] => [process.name, 1 + cluster.streams]),
    ])
    for (const [name, count] of expected) {
      const open = network.connectionsOf(name)
      if (open.length > count) return `${name} needs ${count} connections at rest, and has ${open.join(', ')}`
    }
    for (const process of cluster.processes) {
      const timers = process.life()?.timers() ?? 0
      if (timers > TIMERS_AT_REST_MAX) return `${process.name} has ${timers} timers at rest`
    }
    const inFlight = cluster.runningGateway()?.status().inFlight ?? 0
    return inFlight === 0 ? undefined : `the gateway answers ${inFlight} requests at rest`
  }
}
