/**
 * Keeps a stream to each answer thread of each replica of the static list: connects, checks who answers, and connects again with growing
 * pauses when it is lost. A replica's first stream is at the address of the list; its greeting says how many more there are. A stream that
 * drains is given up at once, though what it was asked may end there: whoever takes its place is at the same address. The first replica's cluster, chain, genesis and generation are the gateway's; feed positions of another one mean nothing here,
 * so a foreign replica is refused by name.
 */
import type { Chunks } from '#kernel/chunks.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import { firstOf } from '#ports/abort.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { Scope } from '#ports/scope.ts'
import type { Transport } from '#ports/net/transport.ts'
import { type ReplicaHello, streamAddress } from '#wire/link.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'
import { type LinkEvents, openReplicaLink, type ReplicaLink } from './replica-link.ts'

const CONNECT_TIMEOUT_MS = gatewayLimits.linkConnectTimeMaxMs.value
const DRAIN_TIME_MAX_MS = gatewayLimits.linkDrainTimeMaxMs.value
const PAUSE_MS_FIRST = 25
const PAUSE_MS_MAX = 1_000
/** With doubling pauses: about five seconds of failing. A replica's first start on a cold machine takes two or three. */
const TOLD_AFTER_FAILURES = 10

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
  /** That answers are collected in. */
  readonly chunks: Chunks
  readonly onLost: (address: string) => void
}

/** One stream that is kept: the replica's by the address in the list, and which of its streams. */
interface Stream {
  readonly address: string
  readonly group: string
}

export function openLinks(
  options: { readonly gateway: string; readonly addresses: readonly string[] },
  parts: LinksParts,
  scope: Scope,
): Links {
  const links = new Map<string, ReplicaLink>()
  const siblings = new Map<string, AbortController[]>()
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
    if (link.address === link.group) keepSiblings(link.group, link.hello.streams)
  }

  /** A restarted replica may have more streams than before, or fewer. */
  const keepSiblings = (group: string, streams: number): void => {
    const kept = siblings.get(group) ?? []
    siblings.set(group, kept)
    while (kept.length > streams - 1) kept.pop()?.abort()
    while (kept.length < streams - 1) {
      const stop = new AbortController()
      kept.push(stop)
      const stream = { group, address: streamAddress(group, kept.length) }
      scope.spawn(`link to ${stream.address}`, (signal) => keep(stream, firstOf(signal, stop.signal)))
    }
  }

  /** From connecting to the loss of the stream. @throws Fault where it was never opened */
  const live = async (stream: Stream, signal: AbortSignal): Promise<void> => {
    const { address } = stream
    const connection = await parts.transport.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS })
    const close = (): void => connection.close()
    const drains = Promise.withResolvers<'drains'>()
    signal.addEventListener('abort', close)
    let retired = false
    try {
      const link = await openReplicaLink(connection, stream, {
        gateway: options.gateway,
        ...parts,
        onOpen: accept,
        onStatus(from, status) {
          if (links.get(address) !== from) return // its end is waited for, nothing more
          parts.onStatus(from, status)
          if (status.phase === 'draining') drains.resolve('drains')
        },
      })
      const cause = await Promise.race([link.ended, drains.promise])
      retired = cause === 'drains'
      if (retired) void retire(link, close, signal)
      else if (!signal.aborted)
        parts.log.warn('the link to a replica is lost', {
          address,
          cause: cause === undefined ? 'it was closed' : messageOf(cause),
        })
    } finally {
      if (!retired) {
        signal.removeEventListener('abort', close)
        connection.close()
      }
      links.delete(address)
      parts.onLost(address)
    }
  }

  /** What a draining stream was asked may end there, within a limit; then it is asked elsewhere. */
  const retire = async (link: ReplicaLink, close: () => void, signal: AbortSignal): Promise<void> => {
    parts.log.info('a replica drains and is not asked any more', { address: link.address })
    const tooLong = parts.clock.after(DRAIN_TIME_MAX_MS, close)
    await link.ended
    tooLong.cancel()
    signal.removeEventListener('abort', close)
  }

  const keep = async (stream: Stream, signal: AbortSignal): Promise<void> => {
    const { address } = stream
    let pauseMs = PAUSE_MS_FIRST
    let told = ''
    let failures = 0
    while (!signal.aborted) {
      try {
        await live(stream, signal)
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
      await parts.clock.sleep(pauseMs * (0.5 + parts.random.unit()), signal).catch(() => {}) // aborted: the loop ends
    }
  }

  for (const address of options.addresses)
    scope.spawn(`link to ${address}`, (signal) => keep({ address, group: address }, signal))
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
