/** The production feed host over a simulated disk. */
import { startFeedHost } from '#roles/feedhost/host.ts'
import { openSegmentedLog } from '#roles/feedhost/segmented-log.ts'
import type { Network } from '#sim/net/network.ts'
import { createTransport } from '#sim/net/transport.ts'
import { checksum } from '#sim/storage/checksum.ts'
import type { SimDisk } from '#sim/storage/disk.ts'
import { uncounted } from '#sim/world/meter.ts'
import type { Program } from '#sim/world/life.ts'
import { FEED } from './addresses.ts'
import type { FeedWatch } from './feed-watch.ts'
import { untilStopped } from './until-stopped.ts'

/** Small, so that a run sees several. */
const SEGMENT_BYTES_MAX = 16 * 1024

export interface FeedHostParts {
  readonly disk: SimDisk
  readonly network: Network
  readonly watch: FeedWatch
}

export function feedHostProgram({ disk, network, watch }: FeedHostParts): Program {
  return async (life) => {
    const log = await openSegmentedLog(
      { segmentBytesMax: SEGMENT_BYTES_MAX },
      { disk: disk.open(life), random: life.random, checksum, clock: life.clock, log: life.log },
    )
    log.onAppend(() => watch.synced(log.bounds().next))
    const host = await startFeedHost(FEED, {
      log,
      transport: createTransport(life, network),
      logger: life.log,
      meter: uncounted,
    })
    await untilStopped(life.signal)
    await host.close()
    await log.close()
  }
}
