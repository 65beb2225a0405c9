/** What GET /status tells: the served head and how each replica of the list stands to it. Read by `drover status` and the live line of `drover dev`. */
import type { HeadContext } from '#rpc/answer.ts'
import type { ReplicaStatus } from '#wire/link.ts'
import type { Identity, Links } from './route/links.ts'

export interface GatewayStatus {
  readonly cluster: string | null
  readonly chainId: number | null
  readonly generation: number | null
  readonly head: { readonly number: number; readonly hash: string; readonly position: number } | null
  readonly safe: number | null
  readonly finalized: number | null
  /** The highest block that some replica has seen proven. */
  readonly verified: number | null
  readonly replicas: readonly ReplicaLine[]
  /** HTTP requests since the start, those answered now, and those in the last whole second. */
  readonly requests: number
  readonly inFlight: number
  readonly requestsPerSecond: number
  /** Transactions kept until a block has them. */
  readonly pendingTransactions: number
}

export interface ReplicaLine {
  readonly address: string
  readonly id: string
  readonly phase: ReplicaStatus['phase'] | 'away'
  readonly position: number | null
  readonly head: number | null
  /** Blocks behind the highest block announced; null while away. */
  readonly lag: number | null
  readonly inFlight: number
  /** Its answer threads that are linked. */
  readonly streams: number
  readonly routable: boolean
  /** First position that the feed holds, as the replica saw it last. */
  readonly feedFirst: number | null
  /** How long the feed would still hold what the store needs, were it stopped now; null where that is not known, or for ever: feedFirst is 0. */
  readonly feedCoverSeconds: number | null
}

export interface StatusFacts {
  readonly addresses: readonly string[]
  readonly links: Links
  readonly statuses: ReadonlyMap<string, ReplicaStatus>
  readonly served: HeadContext | undefined
  readonly holders: readonly string[]
  readonly traffic: Pick<GatewayStatus, 'requests' | 'inFlight' | 'requestsPerSecond' | 'pendingTransactions'>
}

export function describeGateway(facts: StatusFacts): GatewayStatus {
  const { served, statuses } = facts
  const identity: Identity | undefined = facts.links.identity()
  const known = [...statuses.values()]
  const verified = Math.max(-1, ...known.map((status) => status.verifiedNumber ?? -1))
  const highest = Math.max(
    served?.head.number ?? 0,
    ...known.map((s) => s.announcedNumber ?? s.head.head.number),
  )
  return {
    cluster: identity?.cluster ?? null,
    chainId: identity?.chainId ?? null,
    generation: identity?.generation ?? null,
    head: served === undefined ? null : { ...served.head, position: served.position },
    safe: served?.safe.number ?? null,
    finalized: served?.finalized.number ?? null,
    verified: verified < 0 ? null : verified,
    replicas: facts.addresses.map((address) => describeReplica(address, facts, highest)),
    ...facts.traffic,
  }
}

function describeReplica(address: string, facts: StatusFacts, highest: number): ReplicaLine {
  const streams = [...facts.links.all()].filter(({ group }) => group === address)
  // They read one store: any of them tells of it.
  const link = facts.links.get(address) ?? streams[0]
  const status = link && facts.statuses.get(link.address)
  return {
    address,
    id: link?.hello.replica ?? address,
    phase: status?.phase ?? 'away',
    position: status?.head.position ?? null,
    head: status?.head.head.number ?? null,
    lag: status === undefined ? null : Math.max(0, highest - status.head.head.number),
    inFlight: streams.reduce((sum, stream) => sum + stream.inFlight(), 0),
    streams: streams.length,
    routable: streams.some((stream) => facts.holders.includes(stream.address)),
    feedFirst: status?.feedFirst ?? null,
    feedCoverSeconds: status?.feedCoverSeconds ?? null,
  }
}
