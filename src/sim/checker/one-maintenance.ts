/**
 * P6, no collective stall: of the clients that operators were allowed to stall, two are never stalled at once; and what was begun ends. Seen
 * from outside, by what operators were told and did; how the feed came to say so is the product's own matter.
 */
import { createReadBack } from '#roles/master/publish/read-back.ts'
import type { FeedWatch } from '#sim/cluster/feed-watch.ts'
import type { World } from '#sim/world/world.ts'

export interface MaintenanceWatch {
  /** An operator was told that it may. */
  began(master: string): void
  /** Nothing stalls its client any more. */
  worked(master: string): void
  /** The lease is given back. */
  ended(master: string): void
  /** Maintenances that have ended. */
  count(): number
  /** What has not ended, in operators' minds or on the feed; undefined where nothing is left. */
  left(): string | undefined
}

export function createMaintenanceWatch(world: World, feed: FeedWatch): MaintenanceWatch {
  const stalled = new Set<string>()
  const open = new Set<string>()
  let count = 0
  return {
    began(master) {
      world.trace.line('operator', `may stall the client of ${master}`)
      for (const other of stalled)
        world.violate('P6', `the clients of ${other} and of ${master} may be stalled at once`)
      stalled.add(master)
      open.add(master)
    },
    worked(master) {
      world.trace.line('operator', `is done with the client of ${master}`)
      stalled.delete(master)
    },
    ended(master) {
      open.delete(master)
      count++
    },
    count: () => count,
    left() {
      if (open.size > 0) return `the client of ${[...open].join(', ')} is under maintenance`
      const reader = createReadBack('reader', NOT_RANDOM, { onAlarm() {}, onLease() {} })
      for (const record of feed.records()) reader.take(record)
      const [lease] = reader.leases.open()
      return lease && `a lease of ${lease.holder} is open on the feed`
    },
  }
}

/** Nobody reads what it would be for. */
const NOT_RANDOM = { bytes: (length: number) => new Uint8Array(length), unit: () => 0.5 }
