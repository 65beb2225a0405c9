/**
 * An answer thread: stands between the applier's news and everybody who asks. Until the store is there (a new replica waits for its feed) it
 * answers that it is not ready; then HTTP and link answer from snapshots, and the link tells gateways each change.
 */
import type { Genesis } from '#chain/fork/genesis.ts'
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { HttpGate, HttpHandler } from '#ports/net/http.ts'
import type { Logger } from '#ports/logger.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import type { MemoryGuard } from '#ports/memory-guard.ts'
import type { Meter } from '#ports/meter/meter.ts'
import type { Scope } from '#ports/scope.ts'
import type { Transport } from '#ports/net/transport.ts'
import { createGate } from '#rpc/gate.ts'
import type { Store } from '#state/store.ts'
import { createAside } from '#roles/replica/compute/aside.ts'
import { createAnswerHttp } from './answer-http.ts'
import { type Answerer, type AnswererOptions, createAnswerer } from './answerer.ts'
import type { AnswererAsks, ApplierNews, Board } from '#roles/replica/board.ts'
import type { ComputeAsk, ComputeReply } from '#roles/replica/compute/compute-messages.ts'
import { type Draining, type LinkPort, type LinkPortParts, openLinkPort } from '#roles/replica/link/port.ts'
import { linkStatus } from '#roles/replica/link/status.ts'

export interface ServingOptions extends AnswererOptions {
  readonly id: string
  /** Where gateways connect to this thread. */
  readonly link: string
  /** Answer threads of this replica, each with a stream of its own (1 where it is not said). */
  readonly streams?: number
  readonly bodyBytesMax: number
  /** Of one client at this thread. */
  readonly clientRequestsMax: number
}

export interface ServingParts {
  /** Called once the applier says that the store is there. */
  readonly openStore: () => Store
  readonly genesis: Genesis
  readonly board: Board
  readonly applier: Mailbox<AnswererAsks, ApplierNews>
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Logger
  readonly meter: Meter
  /** Where there is none, memory is never short. */
  readonly memory?: MemoryGuard
  readonly renderMetrics: () => string
  /** The queue of the compute threads, where there are any. */
  readonly compute?: Mailbox<ComputeAsk, ComputeReply> | undefined
  /** Resolves when the link's address is free: whom this thread replaces has left it. */
  readonly linkFree?: Promise<void>
}

export interface Serving {
  /** For the HttpServer that the composition root listens with. */
  readonly handle: HttpHandler
  /** Before it. */
  readonly gate: HttpGate
  /** Resolves when the store is there, or the scope is closed. */
  readonly storeOpened: Promise<void>
  /** Nothing new is taken from gateways, and this thread is not ready any more. */
  drain(): Draining
}

/** Resolves at once; the link opens when the store is there, because its greeting names the cluster. */
export async function startServing(
  options: ServingOptions,
  parts: ServingParts,
  scope: Scope,
): Promise<Serving> {
  const { board, applier } = parts
  const isShort = (): boolean => parts.memory?.isShort() === true
  const refused = parts.meter.counter(
    'drover_replica_requests_refused_total',
    'HTTP requests refused before their body was read, by reason',
  )
  const once = new Set<() => void>()
  const always = new Set<() => void>()
  const asked = new Map<number, { settle(next: number): void; fail(thrown: unknown): void }>()
  const opened = Promise.withResolvers<void>()
  let lastNonce = 0

  applier.onMessage((news) => {
    if (news.kind === 'opened') opened.resolve()
    else if (news.kind === 'feedEnd') {
      const waiting = asked.get(news.nonce)
      asked.delete(news.nonce)
      if (news.next === undefined)
        waiting?.fail(new Fault('feed/lost', 'the feed cannot be asked for its end'))
      else waiting?.settle(news.next)
    } else {
      for (const wake of once) wake()
      once.clear()
      for (const changed of always) changed()
    }
  })
  const feedEnd = (): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const nonce = ++lastNonce
    asked.set(nonce, { settle: resolve, fail: reject })
    applier.post({ kind: 'askFeedEnd', nonce })
    return promise
  }

  const storeOpened = Promise.withResolvers<void>()
  scope.defer(() => storeOpened.resolve())
  let store: Store | undefined
  let link: LinkPort | undefined
  let draining = false
  const lateStore = (): Store => {
    if (store === undefined)
      throw new Fault('replica/not-ready', 'the store is not there yet: the feed has not been read')
    return store
  }
  const answerer = createAnswerer(options, {
    store: {
      identity: () => lateStore().identity(),
      keepsTrie: () => lateStore().keepsTrie(),
      snapshot: () => lateStore().snapshot(),
      initialise: refuseWrites,
      commit: refuseWrites,
      bulk: refuseWrites,
      historyBytes: () => lateStore().historyBytes(),
    },
    board,
    config: parts.genesis.config,
    clock: parts.clock,
    log: parts.log,
    meter: parts.meter,
    onceMoved: (wake) => once.add(wake),
    aside: parts.compute && createAside(parts.compute),
    isShort,
  })
  scope.spawn('open the link', async (signal) => {
    signal.addEventListener('abort', () => opened.resolve(), { once: true })
    await opened.promise
    if (signal.aborted) return
    store = parts.openStore()
    scope.defer(() => answerer.rest())
    storeOpened.resolve()
    await parts.linkFree
    if (signal.aborted || draining) return
    const onChange: LinkPortParts['onChange'] = (changed) => {
      always.add(changed)
      return () => always.delete(changed)
    }
    const port = await openLink(options, parts, { answerer, store, onChange, feedEnd })
    link = port
    scope.defer(() => port.close())
    if (draining) port.drain()
  })
  return {
    handle: createAnswerHttp({
      answerer,
      log: parts.log,
      isReady: () => !draining && store !== undefined && board.isReady() && !board.isStale(),
      metrics: parts.renderMetrics,
    }),
    gate: createGate(options, { isShort, refused: (reason) => refused.add(1, { reason }) }),
    storeOpened: storeOpened.promise,
    drain() {
      draining = true
      return link?.drain() ?? { closed: Promise.resolve(), done: Promise.resolve() }
    },
  }
}

function refuseWrites(): never {
  throw new Fault('replica/read-only', 'only the applier writes the store')
}

async function openLink(
  options: ServingOptions,
  { transport, clock, log, board, memory }: ServingParts,
  {
    answerer,
    store,
    onChange,
    feedEnd,
  }: { answerer: Answerer; store: Store } & Pick<LinkPortParts, 'onChange' | 'feedEnd'>,
) {
  const identity = store.identity()
  if (identity === undefined) throw new Fault('replica/not-ready', 'the store has no identity')
  const { cluster, chainId, genesisHash, generation } = identity
  const hello = {
    ...{ cluster, chainId: Number(chainId), genesisHash, generation },
    ...{ replica: options.id, streams: options.streams ?? 1 },
  }
  const { served } = answerer
  const status: LinkPortParts['status'] = () => linkStatus({ store, board, served })
  const answer: LinkPortParts['answer'] = (body, context) => answerer.answer(body, context)
  return openLinkPort(
    { address: options.link, hello },
    { transport, clock, log, answer, status, onChange, feedEnd, isShort: () => memory?.isShort() === true },
  )
}
