/**
 * The replica's end of the link: it stands between gateways and the answerer of this thread. It tells every gateway the replica's status
 * on change and every 100 ms, runs requests at the head that they name, and sends answers in pieces, taking turns between them, so that
 * a big answer never delays the light ones. Each request has a deadline, can be cancelled, and there is a limit to how many run.
 */
import { messageOf } from '#kernel/fault.ts'
import type { Clock, Timer } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Connection, Transport } from '#ports/net/transport.ts'
import type { Answer, HeadContext } from '#rpc/answer.ts'
import {
  createHeadMemo,
  decodeToReplica,
  encodeToGateway,
  LINK_VERSION,
  type LinkRequest,
  type Refusal,
  type ReplicaHello,
  type ReplicaStatus,
  STATUS_EVERY_MS,
  type ToGateway,
  type ToReplica,
} from '#wire/link.ts'
import { ANSWER_BYTES_MAX, encodeAnswer } from '#wire/link-answer.ts'
import { BlockMemo } from '#wire/link-bytes.ts'
import { createOutbox } from './outbox.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const REQUESTS_PER_LINK_MAX = replicaLimits.linkRequestsMax.value
const OUTBOX_BYTES_MAX = replicaLimits.linkOutboxBytesMax.value
const HELLO_WITHIN_MS = replicaLimits.linkHelloTimeMaxMs.value
const LINKS_MAX = replicaLimits.linksMax.value

export interface LinkPortOptions {
  /** `host:port` or `unix:PATH`. */
  readonly address: string
  readonly hello: Omit<ReplicaHello, 'kind' | 'version'>
}

type Answered = Answer | { readonly kind: 'notHeld' | 'overloaded' }

export interface LinkPortParts {
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Logger
  /** Answers in the view of exactly `head`, or says that this view is not held here. The body is lent: it is read before this returns. */
  readonly answer: (
    body: Uint8Array,
    context: {
      readonly head: HeadContext
      readonly signal: AbortSignal
      keepPlace(leave: () => void): void
    },
  ) => Answered | Promise<Answered>
  /** What is true now; undefined while there is nothing to serve. */
  readonly status: () => Omit<ReplicaStatus, 'kind' | 'inFlight'> | undefined
  /** Calls back after each change of status, until the returned function is called. */
  readonly onChange: (changed: () => void) => () => void
  /** One past the last position of the feed, read from it after the call. */
  readonly feedEnd: () => Promise<number>
  /** Memory is short: nothing new is taken. */
  readonly isShort?: () => boolean
}

export interface LinkPort {
  /** As gateways connect to it. */
  readonly address: string
  /** Takes no new gateway and no new request, and says so; what runs goes on. */
  drain(): Draining
  /** Requests of all gateways that run now. */
  inFlight(): number
  close(): Promise<void>
}

export interface Draining {
  /** No gateway can connect any more: another thread may take the address. */
  readonly closed: Promise<void>
  /** All that was asked has been answered, or its gateway is gone. */
  readonly done: Promise<void>
}

/** @throws Fault net/port-in-use, net/refused */
export async function openLinkPort(options: LinkPortOptions, parts: LinkPortParts): Promise<LinkPort> {
  const links = new Set<GatewayLink>()
  let draining: Draining | undefined
  const done = Promise.withResolvers<void>()
  let timer: Timer | undefined

  const inFlight = (): number => [...links].reduce((sum, link) => sum + link.inFlight(), 0)
  const pushStatus = (): void => {
    if (links.size === 0) return
    const facts = parts.status()
    if (facts === undefined) return
    const phase = draining === undefined ? facts.phase : 'draining'
    const message = encodeToGateway({ kind: 'status', ...facts, phase, inFlight: inFlight() })
    for (const link of links) link.status(message)
  }
  const heartbeat = (): void => {
    pushStatus()
    if (draining !== undefined && [...links].every((link) => link.isIdle())) done.resolve()
    timer = parts.clock.after(STATUS_EVERY_MS, heartbeat)
  }

  const listener = await parts.transport.listen(options.address, (connection) => {
    if (links.size >= LINKS_MAX) {
      parts.log.warn('a gateway was refused: there are too many links', {
        peer: connection.peer,
        max: LINKS_MAX,
      })
      connection.close()
      return
    }
    const link = createGatewayLink(connection, options.hello, {
      ...parts,
      isDraining: () => draining !== undefined,
      greeted: pushStatus,
      ended: () => links.delete(link),
    })
    links.add(link)
  })
  const stopWatching = parts.onChange(pushStatus)
  heartbeat()

  return {
    address: listener.address,
    inFlight,
    drain() {
      if (draining === undefined) {
        draining = { closed: listener.stopListening(), done: done.promise }
        pushStatus()
      }
      return draining
    },
    async close() {
      timer?.cancel()
      done.resolve()
      stopWatching()
      for (const link of links) link.close()
      await listener.close()
    },
  }
}

interface GatewayLink {
  inFlight(): number
  /** Nothing runs, and no answer waits to leave. */
  isIdle(): boolean
  status(message: Uint8Array): void
  close(): void
}

type GatewayLinkParts = LinkPortParts & {
  readonly isDraining: () => boolean
  readonly greeted: () => void
  readonly ended: () => void
}

function createGatewayLink(
  connection: Connection,
  hello: LinkPortOptions['hello'],
  parts: GatewayLinkParts,
): GatewayLink {
  const { clock, log } = parts
  const running = new Map<number, LinkWork>()
  const outbox = createOutbox(connection, clock)
  const memo = createHeadMemo()
  const blockMemo = new BlockMemo()
  let gateway: string | undefined
  const tell = (message: Exclude<ToGateway, { kind: 'piece' }>): void =>
    connection.send(encodeToGateway(message))
  const lateHello = clock.after(HELLO_WITHIN_MS, () => connection.close())

  const end = (): void => {
    lateHello.cancel()
    outbox.clear()
    for (const work of running.values()) work.abort('the gateway is gone')
    running.clear()
    parts.ended()
  }

  const greet = (message: ToReplica & { kind: 'hello' }): void => {
    lateHello.cancel()
    tell({ kind: 'hello', version: LINK_VERSION, ...hello })
    if (message.version !== LINK_VERSION) {
      log.warn('a gateway speaks another version of the link and was refused', {
        peer: connection.peer,
        version: message.version,
        ours: LINK_VERSION,
      })
      connection.close()
      return
    }
    gateway = message.gateway
    parts.greeted()
  }

  const refusal = (id: number): Refusal | undefined => {
    if (parts.isDraining()) return 'draining'
    const full =
      running.size + outbox.answers() >= REQUESTS_PER_LINK_MAX || outbox.bytes() >= OUTBOX_BYTES_MAX
    return full || running.has(id) || parts.isShort?.() === true ? 'overloaded' : undefined
  }

  const send = (id: number, answer: Answered, work?: LinkWork): void => {
    if ('kind' in answer)
      return tell(
        answer.kind === 'notHeld' ? { kind: 'notHeld', id } : { kind: 'refused', id, why: 'overloaded' },
      )
    const parts = encodeOwn(answer, blockMemo)
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    if (length > ANSWER_BYTES_MAX) return tell({ kind: 'refused', id, why: 'failed' })
    // Those that run when the room runs out would fill more than the gateway collects, which ends the stream and every answer on it.
    if (outbox.answers() > 0 && outbox.bytes() + length > OUTBOX_BYTES_MAX)
      return tell({ kind: 'refused', id, why: 'overloaded' })
    outbox.add(id, { parts, length }, work?.takePlace())
  }
  const failed = (id: number, thrown: unknown): void => {
    // One request's failure must not end the others; the gateway asks another replica.
    log.error('a request failed', { gateway, error: messageOf(thrown) })
    tell({ kind: 'refused', id, why: 'failed' })
  }
  const finish = async (id: number, answer: Promise<Answered>, work: LinkWork): Promise<void> => {
    try {
      const settled = await answer
      if (!work.isOver) send(id, settled, work)
    } catch (thrown) {
      if (!work.isOver) failed(id, thrown)
    } finally {
      work.end()
      if (running.get(id) === work) running.delete(id)
    }
  }
  const run = (request: LinkRequest): void => {
    const { id } = request
    const why = refusal(id)
    if (why !== undefined) return tell({ kind: 'refused', id, why })
    const work = new LinkWork(request.head)
    try {
      const answer = parts.answer(request.body, work)
      if (!(answer instanceof Promise)) return send(id, answer)
      running.set(id, work)
      work.endWithin(request.deadlineMs, clock)
      void finish(id, answer, work)
    } catch (thrown) {
      failed(id, thrown)
    }
  }

  const take = (message: ToReplica): void => {
    if (message.kind === 'hello') return greet(message)
    if (gateway === undefined) return connection.close()
    if (message.kind === 'request') run(message)
    else if (message.kind === 'cancel') {
      running.get(message.id)?.abort('the gateway does not wait any more')
      running.delete(message.id)
      outbox.drop(message.id)
    } else void tellFeedEnd(message.nonce, parts, tell)
  }

  connection.onLost(end)
  connection.onMessage((bytes) => {
    try {
      take(decodeToReplica(bytes, memo))
    } catch (thrown) {
      log.warn('a gateway sent what is not a message of the link', {
        peer: connection.peer,
        error: messageOf(thrown),
      })
      connection.close()
    }
  }, 'lent')
  return {
    inFlight: () => running.size,
    isIdle: () => running.size === 0 && outbox.answers() === 0,
    status(message) {
      if (gateway !== undefined) connection.send(message)
    },
    close: () => connection.close(),
  }
}

/** Nobody tells when a gateway has taken an answer, so what was lent for it is copied. */
function encodeOwn(answer: Answer, memo: BlockMemo): readonly Uint8Array[] {
  const parts = encodeAnswer(answer, memo)
  if (answer.free === undefined) return parts
  const own = parts.map((part) => part.slice())
  answer.free()
  return own
}

/** One request that did not end at once. Its signal and its timer are made where they are needed: most requests need neither. */
class LinkWork {
  readonly head: HeadContext
  isOver = false
  #controller: AbortController | undefined
  #deadline: Timer | undefined
  #leave: (() => void) | undefined

  constructor(head: HeadContext) {
    this.head = head
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Of a long body among the others. */
  keepPlace(leave: () => void): void {
    this.#leave = leave
  }

  takePlace(): (() => void) | undefined {
    const leave = this.#leave
    this.#leave = undefined
    return leave
  }

  endWithin(deadlineMs: number, clock: Clock): void {
    this.#deadline = clock.after(deadlineMs, () => this.abort('the deadline is over'))
  }

  abort(reason: string): void {
    this.isOver = true
    this.#deadline?.cancel()
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  end(): void {
    this.#deadline?.cancel()
    this.takePlace()?.()
  }
}

async function tellFeedEnd(
  nonce: number,
  parts: LinkPortParts,
  tell: (message: ToGateway & { kind: 'feedEnd' }) => void,
): Promise<void> {
  try {
    tell({ kind: 'feedEnd', nonce, next: await parts.feedEnd() })
  } catch (thrown) {
    // The gateway asks again; until the feed can be read nobody can tell.
    parts.log.warn("the feed's end cannot be read for a starting gateway", { error: messageOf(thrown) })
  }
}
