/** Reads the feed from its first record on, again and again from the beginning after each loss, and hands every record to the watch. */
import { faultCode } from '#kernel/fault.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import type { Network } from '#sim/net/network.ts'
import { createTransport } from '#sim/net/transport.ts'
import type { Program } from '#sim/world/life.ts'
import { FEED } from './addresses.ts'
import type { FeedWatch } from './feed-watch.ts'

const RETRY_MS = 100

export function auditorProgram({
  network,
  watch,
}: {
  readonly network: Network
  readonly watch: FeedWatch
}): Program {
  return async (life) => {
    const transport = createTransport(life, network)
    while (!life.signal.aborted) {
      try {
        const log = await openRemoteRecordLog(FEED, transport)
        for await (const records of log.tail(0, life.signal)) for (const record of records) watch.seen(record)
      } catch (thrown) {
        if (faultCode(thrown) === undefined) throw thrown
        await life.clock.sleep(RETRY_MS, life.signal)
      }
    }
  }
}
