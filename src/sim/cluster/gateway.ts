/** The production gateway behind a simulated HTTP server. */
import { openScope } from '#ports/scope.ts'
import { type Gateway, startGateway } from '#roles/gateway/gateway.ts'
import { createHttpClient, createHttpServer } from '#sim/net/http.ts'
import type { Network } from '#sim/net/network.ts'
import { createTransport } from '#sim/net/transport.ts'
import { uncounted } from '#sim/world/meter.ts'
import type { Program } from '#sim/world/life.ts'
import { forwardUrl, GATEWAY_HOST, GATEWAY_PORT, linkAddress } from './addresses.ts'
import { untilStopped } from './until-stopped.ts'

export interface GatewayParts {
  readonly replicas: readonly string[]
  readonly masters: readonly string[]
  readonly network: Network
  readonly started: (gateway: Gateway) => void
}

/** Small, so that users meet them. */
export const IN_FLIGHT_MAX = 6
export const QUEUED_MAX = 4
const CLIENT_REQUESTS_MAX = 64
const BODY_BYTES_MAX = 64 * 1024
const REQUEST_MS_MAX = 2_000

export function gatewayProgram({ replicas, masters, network, started }: GatewayParts): Program {
  return async (life) => {
    const scope = openScope('gateway')
    const gateway = startGateway(
      {
        id: life.name,
        replicas: replicas.map(linkAddress),
        masters: masters.map(forwardUrl),
        forwardSecret: undefined,
        bodyBytesMax: BODY_BYTES_MAX,
        requestTimeMaxMs: REQUEST_MS_MAX,
        requestsInFlightMax: IN_FLIGHT_MAX,
        requestsQueuedMax: QUEUED_MAX,
        clientRequestsMax: CLIENT_REQUESTS_MAX,
      },
      {
        transport: createTransport(life, network),
        http: createHttpClient(life, network),
        clock: life.clock,
        random: life.random,
        log: life.log,
        meter: uncounted,
      },
      scope,
    )
    started(gateway)
    const listener = await createHttpServer(life, network).listen(
      { host: GATEWAY_HOST, port: GATEWAY_PORT, bodyBytesMax: BODY_BYTES_MAX },
      gateway.handle,
    )
    scope.defer(() => listener.close({ graceMs: 0 }))
    await Promise.race([untilStopped(life.signal), scope.failed])
    await scope.close()
  }
}
