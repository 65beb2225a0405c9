/**
 * The gateway's end of one stream to a replica, from the handshake to its loss. Requests travel with ids and many are under way at once;
 * whatever ends the stream, or evicts the replica, ends each of them with an outcome that lets the router ask elsewhere.
 */
import type { Chunks } from '#kernel/chunks.ts'
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Connection } from '#ports/net/transport.ts'
import {
  createHeadMemo,
  decodeToGateway,
  encodeToReplica,
  LINK_VERSION,
  type LinkHead,
  type Refusal,
  type ReplicaHello,
  type ReplicaStatus,
  type ToGateway,
} from '#wire/link.ts'
import { createDeadlines } from './deadlines.ts'
import { createAnswerCollector, type LinkAnswer } from '#wire/link-answer.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'

const HELLO_WITHIN_MS = gatewayLimits.linkHelloTimeMaxMs.value
const REQUESTS_PER_LINK_MAX = gatewayLimits.linkRequestsMax.value
const IDS = 4_294_967_296
/** Before it is looked whether somebody still waits. */
const PATIENCE_MS = 20

export type Outcome =
  | { readonly kind: 'answer'; readonly answer: LinkAnswer }
  | { readonly kind: 'notHeld' }
  | { readonly kind: 'refused'; readonly why: Refusal }
  | { readonly kind: 'lost' }
  | { readonly kind: 'late' }

/** Who waits for an answer. The signal, which costs something to make, is asked for only where the answer takes its time. */
export interface Asker {
  readonly signal: AbortSignal
}

export interface ReplicaLink {
  readonly address: string
  /** The replica that it is a stream of, by the address in the list. */
  readonly group: string
  readonly hello: ReplicaHello
  inFlight(): number
  /** Never rejects. `late` when `deadlineMs` have passed; `lost` when the stream is, or nobody waits any more. */
  ask(
    request: { readonly head: LinkHead; readonly body: Uint8Array; readonly deadlineMs: number },
    asker: Asker,
  ): Promise<Outcome>
  askFeedEnd(nonce: number): void
  /** Ends all that is under way as lost: the replica is silent. Answers that still come are dropped. */
  giveUp(): void
  /** Resolves when the stream has ended. */
  readonly ended: Promise<unknown>
  close(): void
}

export interface LinkEvents {
  /** After the handshake and before anything else of this stream. Throws a Fault to refuse it. */
  readonly onOpen: (link: ReplicaLink) => void
  readonly onStatus: (link: ReplicaLink, status: ReplicaStatus) => void
  readonly onFeedEnd: (nonce: number, next: number) => void
}

/** @throws Fault gateway/handshake, wire/link, net/lost */
export function openReplicaLink(
  connection: Connection,
  { address, group }: { readonly address: string; readonly group: string },
  parts: { readonly gateway: string; readonly clock: Clock; readonly chunks: Chunks } & LinkEvents,
): Promise<ReplicaLink> {
  const opened = Promise.withResolvers<ReplicaLink>()
  const ended = Promise.withResolvers<unknown>()
  const requests = createRequests(connection, parts)
  let link: ReplicaLink | undefined
  const fail = (cause: unknown): void => {
    opened.reject(cause)
    connection.close()
  }
  const late = parts.clock.after(HELLO_WITHIN_MS, () =>
    fail(new Fault('gateway/handshake', `${address} accepts connections and says nothing`, { address })),
  )

  const greet = (message: ToGateway): void => {
    if (message.kind !== 'hello')
      throw new Fault('gateway/handshake', `${address} does not begin with a greeting`, { address })
    if (message.version !== LINK_VERSION) throw otherVersion(address, message.version)
    late.cancel()
    link = {
      address,
      group,
      hello: message,
      inFlight: requests.count,
      ask: requests.ask,
      askFeedEnd: (nonce) => connection.send(encodeToReplica({ kind: 'askFeedEnd', nonce })),
      giveUp: requests.loseAll,
      ended: ended.promise,
      close: () => connection.close(),
    }
    parts.onOpen(link)
    opened.resolve(link)
  }

  connection.onLost((cause) => {
    late.cancel()
    requests.end()
    // Whatever a socket says of it (a reset, or nothing at all), to whoever wanted this link it is one kind of failure.
    opened.reject(new Fault('net/lost', `${address} went away before its greeting`, { address }, { cause }))
    ended.resolve(cause)
  })
  connection.onMessage((bytes) => {
    try {
      const message = decodeToGateway(bytes)
      if (link === undefined) greet(message)
      else if (message.kind === 'status') parts.onStatus(link, message)
      else if (message.kind === 'feedEnd') parts.onFeedEnd(message.nonce, message.next)
      else requests.take(message)
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown
      fail(thrown)
    }
  }, 'lent')
  connection.send(encodeToReplica({ kind: 'hello', version: LINK_VERSION, gateway: parts.gateway }))
  return opened.promise
}

function otherVersion(address: string, version: number): Fault {
  return new Fault(
    'gateway/handshake',
    `the replica at ${address} speaks version ${version} of the link, this gateway ${LINK_VERSION}: upgrade the older one`,
    { address, version, ours: LINK_VERSION },
  )
}

interface Waiting {
  readonly settle: (outcome: Outcome) => void
  readonly asker: Asker
  readonly endsMs: number
  /** Set once it is looked whether the asker still waits. */
  gone?: () => void
}

/** The requests under way on one stream. */
function createRequests(
  connection: Connection,
  { clock, chunks }: { readonly clock: Clock; readonly chunks: Chunks },
) {
  const waiting = new Map<number, Waiting>()
  const collector = createAnswerCollector(chunks)
  let nextId = 0
  let ended = false

  const memo = createHeadMemo()

  const settle = (id: number, outcome: Outcome): void => {
    const request = waiting.get(id)
    if (request === undefined) return
    waiting.delete(id)
    deadlines.clear(id)
    if (request.gone !== undefined) request.asker.signal.removeEventListener('abort', request.gone)
    request.settle(outcome)
  }
  const abandon = (id: number, outcome: Outcome): void => {
    if (!waiting.has(id)) return
    connection.send(encodeToReplica({ kind: 'cancel', id }))
    collector.drop(id)
    settle(id, outcome)
  }
  /** Most are answered before: of those that are not, it is time to know when nobody waits any more. */
  const watch = (id: number, request: Waiting): void => {
    const { signal } = request.asker
    if (signal.aborted) return abandon(id, { kind: 'lost' })
    request.gone = () => abandon(id, { kind: 'lost' })
    signal.addEventListener('abort', request.gone)
    deadlines.set(id, request.endsMs)
  }
  const deadlines = createDeadlines(clock, (id) => {
    const request = waiting.get(id)
    if (request === undefined) return
    if (request.gone === undefined && request.endsMs > clock.nowMs()) watch(id, request)
    else abandon(id, { kind: 'late' })
  })
  const ask: ReplicaLink['ask'] = (request, asker) => {
    // Whoever chose this link may not have heard yet that it is gone.
    if (ended) return Promise.resolve({ kind: 'lost' })
    if (waiting.size >= REQUESTS_PER_LINK_MAX) return Promise.resolve({ kind: 'refused', why: 'overloaded' })
    const id = nextId
    nextId = (nextId + 1) % IDS
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const nowMs = clock.nowMs()
    const endsMs = nowMs + request.deadlineMs
    waiting.set(id, { settle: resolve, asker, endsMs })
    deadlines.set(id, Math.min(endsMs, nowMs + PATIENCE_MS))
    const deadlineMs = Math.ceil(request.deadlineMs)
    const { head, body } = request
    connection.send(encodeToReplica({ kind: 'request', id, head, body, deadlineMs }, memo))
    return promise
  }
  const loseAll = (): void => {
    for (const id of [...waiting.keys()]) abandon(id, { kind: 'lost' })
  }
  return {
    ask,
    count: () => waiting.size,
    loseAll,
    /** The stream is gone: nothing asked from now on would ever be answered. */
    end() {
      ended = true
      loseAll()
      deadlines.close()
    },
    take(message: Exclude<ToGateway, { kind: 'status' | 'feedEnd' }>): void {
      if (message.kind === 'hello') throw new Fault('gateway/handshake', 'a replica greeted twice')
      if (!waiting.has(message.id)) return // cancelled or late
      if (message.kind === 'piece') {
        const answer = collector.add(message)
        if (answer !== undefined) settle(message.id, { kind: 'answer', answer })
      } else if (message.kind === 'notHeld') settle(message.id, { kind: 'notHeld' })
      else settle(message.id, { kind: 'refused', why: message.why })
    },
  }
}
