/**
 * Keeps one stream to each replica of the static list: connects, checks who answers, and connects again with growing pauses when it is
 * lost. The first replica's cluster, chain, genesis and generation are the gateway's; feed positions of another one mean nothing here,
 * so a foreign replica is refused by name.
 */
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { Scope } from '#ports/scope.ts'
import type { Transport } from '#ports/transport.ts'
import type { ReplicaHello } from '#wire/link.ts'
import { type LinkEvents, openReplicaLink, type ReplicaLink } from './replica-link.ts'
import { gatewayLimits } from './limits.ts'

const CONNECT_TIMEOUT_MS = gatewayLimits.linkConnectTimeMaxMs.value
const PAUSE_MS_FIRST = 25
const PAUSE_MS_MAX = 1_000
/** With doubling pauses: about a second of failing. */
const TOLD_AFTER_FAILURES = 6

export interface Links {
  /** The stream to this address, while there is one. */
  get(address: string): ReplicaLink | undefined
  all(): Iterable<ReplicaLink>
  /** Whom the first replica belonged to. */
  identity(): Identity | undefined
}

export type Identity = Pick<ReplicaHello, 'cluster' | 'chainId' | 'genesisHash' | 'generation'>

export interface LinksParts extends Omit<LinkEvents, 'onOpen'> {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly onLost: (address: string) => void
}

export function openLinks(
  options: { readonly gateway: string; readonly addresses: readonly string[] },
  parts: LinksParts,
  scope: Scope,
): Links {
  const links = new Map<string, ReplicaLink>()
  let identity: Identity | undefined

  const accept = (link: ReplicaLink): void => {
    identity ??= link.hello
    const why = foreign(link.hello, identity)
    if (why !== undefined)
      throw new Fault(
        'gateway/foreign-replica',
        `the replica ${link.hello.replica} at ${link.address} ${why}`,
      )
    links.set(link.address, link)
    parts.log.info('a replica is linked', { address: link.address, replica: link.hello.replica })
  }

  /** From connecting to the loss of the stream. @throws Fault where it was never opened */
  const live = async (address: string, signal: AbortSignal): Promise<void> => {
    const connection = await parts.transport.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS })
    const close = (): void => connection.close()
    signal.addEventListener('abort', close)
    try {
      const link = await openReplicaLink(connection, address, {
        gateway: options.gateway,
        ...parts,
        onOpen: accept,
      })
      const cause = await link.ended
      if (!signal.aborted)
        parts.log.warn('the link to a replica is lost', {
          address,
          cause: cause === undefined ? 'it was closed' : messageOf(cause),
        })
    } finally {
      signal.removeEventListener('abort', close)
      connection.close()
      links.delete(address)
      parts.onLost(address)
    }
  }

  const keep = async (address: string, signal: AbortSignal): Promise<void> => {
    let pauseMs = PAUSE_MS_FIRST
    let told = ''
    let failures = 0
    while (!signal.aborted) {
      try {
        await live(address, signal)
        pauseMs = PAUSE_MS_FIRST
        told = ''
        failures = 0
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown
        failures++
        const isWrong = thrown.code.startsWith('gateway/')
        if (isWrong && thrown.message !== told)
          parts.log.error('a replica is refused', { address, error: thrown.message })
        // Whoever starts a cluster starts its processes in some order: only what lasts is worth a line, and one is enough.
        if (!isWrong && failures === TOLD_AFTER_FAILURES)
          parts.log.warn('a replica cannot be linked', { address, error: thrown.message })
        told = thrown.message
        pauseMs = Math.min(PAUSE_MS_MAX, 2 * pauseMs)
      }
      // Jitter, so that gateways do not come back to a restarted replica all at once.
      await parts.clock.sleep(pauseMs * (0.5 + parts.random.unit()), signal)
    }
  }

  for (const address of options.addresses)
    scope.spawn(`link to ${address}`, (signal) => keep(address, signal))
  return { get: (address) => links.get(address), all: () => links.values(), identity: () => identity }
}

function foreign(hello: ReplicaHello, ours: Identity): string | undefined {
  if (hello.chainId !== ours.chainId)
    return `is of chain ${hello.chainId}, the others of chain ${ours.chainId}`
  if (hello.genesisHash !== ours.genesisHash) return 'stands on another genesis than the others'
  if (hello.cluster !== ours.cluster) return `is of cluster ${hello.cluster}, the others of ${ours.cluster}`
  if (hello.generation !== ours.generation)
    return `is of generation ${hello.generation}, the others of ${ours.generation}`
  return undefined
}
