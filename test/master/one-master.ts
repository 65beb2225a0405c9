/** A master in this process: real client and chain, everything else in memory, so that a test can cut it off at any append. */
import '#test/support/core.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createHttpClient } from '#platform/http/client.ts'
import { jsonWebToken } from '#platform/http/json-web-token.ts'
import { createRandom } from '#platform/random/random.ts'
import { createWebSocketClient } from '#platform/web-socket/client.ts'
import type { Clock } from '#ports/clock.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { type Logger, silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { createEngineClient } from '#roles/master/aid/engine-client.ts'
import { createExecutionClient } from '#roles/master/client/client.ts'
import type { Follower } from '#roles/master/follower.ts'
import { createMaster } from '#roles/master/master.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'
import type { FollowerOptions } from '#roles/master/client/session.ts'
import { openStore } from '#state/open-store.ts'
import type { Store } from '#state/store.ts'
import { stored } from '#state/testing/stored.ts'

export { stored }

export interface RunningMaster {
  readonly follower: Follower
  readonly store: Store
  readonly metrics: string
  /** Settles when it ended by itself; rejects with why. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

export function startMaster(options: {
  readonly url: string
  readonly genesisText: string
  readonly openLog: () => Promise<RecordLog>
  readonly kv: KeyValue
  readonly id?: string
  readonly log?: Logger
  readonly clock?: Clock
  readonly more?: Partial<FollowerOptions>
  /** The client's authenticated port. */
  readonly engine?: { readonly url: string; readonly secret: Uint8Array }
}): RunningMaster {
  const clock = options.clock ?? createClock()
  const random = createRandom()
  const http = createHttpClient()
  const meter = createMeterRegistry()
  const log = options.log ?? silent
  const { engine } = options
  const store = openStore(options.kv, { compress: stored })
  const genesis: Genesis = parseGenesis(options.genesisText)
  const client = createExecutionClient(
    { url: options.url, timeoutMs: 5_000 },
    { clock, random, http, webSocket: createWebSocketClient(), log },
  )
  const follower = createMaster(
    { id: options.id ?? 'm1', cluster: undefined, beatMs: 50, clientId: options.url, ...options.more },
    {
      ...{ client, genesis, store, clock, random, log, openLog: options.openLog, compress: stored },
      ...(engine && {
        engine: createEngineClient(
          { url: engine.url, token: (at) => jsonWebToken(engine.secret, at), timeoutMs: 10_000 },
          { http, clock },
        ),
      }),
      metrics: createMasterMetrics(meter),
    },
  )
  const abort = new AbortController()
  const ended = follower.run(abort.signal).finally(() => http.close())
  ended.catch(() => {}) // the test that cares awaits it
  return {
    follower,
    store,
    get metrics() {
      return meter.render()
    },
    ended,
    async stop() {
      abort.abort()
      await ended
    },
  }
}
