/**
 * A gateway stands between users and replicas. It decides one served head (`head.ts` drives the machine), keeps a stream to each replica
 * (`links.ts`), asks whoever holds that head (`router.ts`), passes on to masters what replicas cannot know (`forward.ts`,
 * `rebroadcast.ts`) and speaks HTTP with users (`http-edge.ts`). It owns no state of the chain: whatever it cannot get is refused.
 */
import { assert } from '#kernel/assert.ts'
import { createChunks } from '#kernel/chunks.ts'
import type { Clock } from '#ports/clock.ts'
import type { HttpClient, HttpGate, HttpHandler } from '#ports/net/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { MemoryGuard } from '#ports/memory-guard.ts'
import type { MeterRegistry } from '#ports/meter/meter-registry.ts'
import type { Random } from '#ports/random.ts'
import type { Scope } from '#ports/scope.ts'
import type { Transport } from '#ports/net/transport.ts'
import { createGate } from '#rpc/gate.ts'
import type { ReplicaStatus } from '#wire/link.ts'
import { CHUNK_BYTES } from '#wire/link-answer.ts'
import { createAdmission } from './route/admission.ts'
import { createForward } from './forward/forward.ts'
import { createHead } from './head.ts'
import { createHttpEdge } from './http-edge.ts'
import { gatewayLimits } from './limits.ts'
import { openLinks } from './route/links.ts'
import { createGatewayMetrics } from './metrics.ts'
import type { GatewayOptions } from './options.ts'
import { createRate } from './route/rate.ts'
import { createRebroadcast } from './forward/rebroadcast.ts'
import { createRouter } from './route/router.ts'
import { createSolver } from './route/solver.ts'
import { describeGateway, type GatewayStatus } from './status.ts'

const NONCE_BYTES = 4

export interface GatewayParts {
  readonly transport: Transport
  readonly http: HttpClient
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly meter: MeterRegistry
  /** Where there is none, memory is never short. */
  readonly memory?: MemoryGuard
}

export interface Gateway {
  /** For the HttpServer that the composition root listens with. */
  readonly handle: HttpHandler
  /** Before it. */
  readonly gate: HttpGate
  status(): GatewayStatus
  /** True while some replica holds the served head. */
  isReady(): boolean
}

/** Links to the replicas in `scope` and answers until it is closed. */
export function startGateway(
  options: Omit<GatewayOptions, 'host' | 'port' | 'memoryMaxBytes'>,
  parts: GatewayParts,
  scope: Scope,
): Gateway {
  assert(options.replicas.length > 0, 'a gateway has replicas')
  const { clock, log } = parts
  const metrics = createGatewayMetrics(parts.meter)
  const statuses = new Map<string, ReplicaStatus>()

  const nonce = parts.random.bytes(NONCE_BYTES).reduce((sum, byte) => sum * 256 + byte, 0)
  const head = createHead(nonce, {
    clock,
    log,
    metrics,
    askFeedEnd: (address, asked) => links.get(address)?.askFeedEnd(asked),
    giveUp: (address) => links.get(address)?.giveUp(),
    moved: () => rebroadcast.headMoved(),
  })
  const links = openLinks(
    { gateway: options.id, addresses: options.replicas },
    {
      ...parts,
      chunks: createChunks(CHUNK_BYTES, gatewayLimits.keptChunksMax.value),
      onStatus(link, status) {
        statuses.set(link.address, status)
        head.take({
          kind: 'status',
          replica: link.address,
          group: link.group,
          applied: status.applied,
          head: status.head,
          routable: status.phase === 'ready',
        })
      },
      onFeedEnd: (asked, next) => head.take({ kind: 'feedEnd', nonce: asked, next }),
      onLost(address) {
        statuses.delete(address)
        head.take({ kind: 'lost', replica: address })
      },
    },
    scope,
  )
  const router = createRouter({ head, links, clock, metrics })
  const forward = createForward(
    { masters: options.masters, secret: options.forwardSecret },
    { http: parts.http, clock, log, metrics },
  )
  const rebroadcast = createRebroadcast({ forward, router, clock, metrics }, (task) =>
    scope.spawn('send transactions again', task),
  )
  const admission = createAdmission({
    inFlightMax: options.requestsInFlightMax,
    queuedMax: options.requestsQueuedMax,
  })
  const rate = createRate(clock)
  const solver = createSolver({ router, forward, rebroadcast, links, clock, metrics })

  scope.defer(() => head.close())
  const gateway: Gateway = {
    isReady: () => head.holders().length > 0,
    status: () =>
      describeGateway({
        addresses: options.replicas,
        links,
        statuses,
        served: head.served(),
        holders: head.holders(),
        traffic: {
          requests: rate.total(),
          inFlight: admission.inFlight(),
          requestsPerSecond: rate.perSecond(),
          pendingTransactions: rebroadcast.count(),
        },
      }),
    handle: (request) => edge(request),
    gate: createGate(options, {
      isShort: () => parts.memory?.isShort() === true,
      refused: (reason) => metrics.refused.add(1, { reason }),
    }),
  }
  const edge = createHttpEdge(options, {
    solver,
    admission,
    clock,
    metrics,
    meter: parts.meter,
    rate,
    isReady: gateway.isReady,
    status: gateway.status,
  })
  return gateway
}
