/** The simulated ports keep the contracts of the real ones. */
import { keyValueContract } from '#ports/storage/key-value.contract.ts'
import { recordLogContract } from '#ports/record-log/record-log.contract.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import { createPrng } from '#kernel/prng.ts'
import '#test/support/core.ts'
import { FEED } from './cluster/addresses.ts'
import { createFeedWatch } from './cluster/feed-watch.ts'
import { feedHostProgram } from './cluster/feed-host.ts'
import { createNetwork } from './net/network.ts'
import { createTransport } from './net/transport.ts'
import { createSimDisk } from './storage/disk.ts'
import { createStoreDisk } from './storage/key-value.ts'
import { pump } from './testing/pump.ts'
import type { Life } from './world/life.ts'
import { SimProcess } from './world/process.ts'
import { createWorld } from './world/world.ts'

/** A process that does nothing, for its ports. */
function idle(name: string, world = createWorld(1, 'short')): Life {
  const process = new SimProcess(name, world, () => new Promise(() => {}))
  process.start()
  return process.life() as Life
}

keyValueContract({
  name: 'simulated store',
  numRuns: 20,
  open: () =>
    createStoreDisk().open(idle('replica'), { killAtCommit: 0, killInSwitch: 0, full: false }, createPrng(1)),
})

recordLogContract('simulated feed host', async () => {
  const world = createWorld(1, 'short')
  const running = pump(world)
  const network = createNetwork(world)
  const disk = createSimDisk(createPrng('disk'))
  new SimProcess('feed', world, feedHostProgram({ disk, network, watch: createFeedWatch(world) })).start()
  const again = async () => {
    for (;;) {
      try {
        return await openRemoteRecordLog(FEED, createTransport(idle('reader', world), network))
      } catch {
        continue // the host is not listening yet: each try takes simulated time
      }
    }
  }
  const log = await again()
  return { log, again, end: async () => running.stop() }
})
