/**
 * The threads of one replica: stands between the process and them. It starts the applier, the compute threads and the answer threads, each of
 * the latter with a link of its own, a mailbox to the applier, one to the queue of heavy calls, and a region of the meters. An answer thread
 * that is replaced in order keeps answering until its successor listens on the same port; so nobody is refused in between.
 */
import { availableParallelism } from 'node:os'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { AnswererThreadData } from '#cli/thread/answerer.ts'
import type { ApplierThreadData } from '#cli/thread/applier.ts'
import type { ComputerThreadData } from '#cli/thread/computer.ts'
import { Fault } from '#kernel/fault.ts'
import { createClock } from '#platform/clock/clock.ts'
import type { PortClaim } from '#platform/net/port-claim.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import type { Logger } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { Scope } from '#ports/scope.ts'
import { leaveRegion, sharedCells, sharedMetersBytes } from '#ports/meter/shared-meters.ts'
import { BOARD_BYTES } from '#roles/replica/board.ts'
import {
  CANCELLED_BYTES,
  type ComputeAsk,
  type ComputeNews,
  type ComputeOrder,
  type ComputeReply,
  createCancelled,
} from '#roles/replica/compute/compute-messages.ts'
import { type ComputeQueue, createComputeQueue } from '#roles/replica/compute/compute-queue.ts'
import { streamAddress } from '#wire/link.ts'
import { countRestarts, openThreadSlot, type ThreadSlot } from './thread-slot.ts'
import { holdThread, openThread, type Thread, type ThreadPlan } from './worker.ts'
import type { HttpSettings } from '#cli/process/http.ts'

const ANSWER_THREADS_MAX = 8
const COMPUTER_HEAP_MB = 512

export interface ReplicaThreadsOptions {
  readonly replica: ApplierThreadData['options'] & HttpSettings
  readonly clientVersion: string
  readonly port: Pick<PortClaim, 'port' | 'canShare'>
  readonly memory: SharedArrayBuffer
}

export interface ReplicaThreads {
  /** Answers what it was asked, takes nothing new, and ends all answer threads. */
  drain(noticeMs: number): Promise<void>
  /** Puts a new thread in the place of each answer thread, one after the other. @throws Fault replica/port-not-shared */
  renew(): Promise<void>
}

/** Resolves when all have started. */
export async function startReplicaThreads(
  options: ReplicaThreadsOptions,
  log: Logger,
  scope: Scope,
): Promise<ReplicaThreads> {
  const clock = createClock()
  const parts = { clock, log, restarts: countRestarts(clock) }
  const { replica } = options
  const streams = answerThreads(options)
  const shared = shareThings(2 + 2 * streams + 2 * replica.computeThreads)
  const queue = createComputeQueue(replica, { clock, log, meter: createMeterRegistry(shared.cells()) })
  const pool = createPool(shared, scope)

  // All at once, which takes a third of the time; but the writer opens the store first (platform/lmdb): the others wait for its word.
  const { region } = shared.takeRegion()
  const data = {
    options: replica,
    board: shared.board,
    meters: shared.meters,
    region,
    memory: options.memory,
  } satisfies ApplierThreadData
  const applier = holdThread(scope, { name: 'applier', entry: threadFile('applier'), data })

  const beginComputer = (): Promise<Thread> => pool.begin((at) => computerPlan(options, queue, shared, at))
  const begin = (slot: number, isFree: boolean): Promise<Thread> =>
    pool.begin((at) => {
      const toApplier = new MessageChannel()
      applier.order({ kind: 'addAnswerer', port: toApplier.port1 }, [toApplier.port1])
      const link = { address: streamAddress(replica.link, slot), streams, isFree }
      return answererPlan({ options, queue, shared, region: at, link, applier: toApplier.port2 })
    })
  const answering = Array.from({ length: streams }, (_, slot) =>
    openThreadSlot(`answerer ${slot}`, () => begin(slot, true), parts, scope),
  )
  const computing = Array.from({ length: replica.computeThreads }, (_, i) =>
    openThreadSlot(`computer ${i}`, beginComputer, parts, scope),
  )
  const [slots] = await Promise.all([Promise.all(answering), applier.started, ...computing])
  return {
    async drain(noticeMs) {
      for (const slot of slots) slot.leave()
      for (const slot of slots) slot.thread().order({ kind: 'drain', noticeMs })
      await Promise.all(slots.map((slot) => slot.thread().gone))
    },
    async renew() {
      if (!options.port.canShare)
        throw new Fault('replica/port-not-shared', 'this system does not share a port: restart the process')
      for (const [index, slot] of slots.entries()) {
        await renewOne(slot, () => begin(index, false))
        log.info('an answer thread was replaced', { slot: index })
      }
    },
  }
}

/** The new one answers before the old one stops; the old one answers what it was asked. */
async function renewOne(slot: ThreadSlot, begin: () => Promise<Thread>): Promise<void> {
  const old = slot.thread()
  const young = await begin()
  slot.put(young)
  old.order({ kind: 'drain', noticeMs: 0 })
  await Promise.race([old.heard('linkLeft'), old.gone])
  young.order({ kind: 'openLink' })
  await old.gone
}

interface Planned extends ThreadPlan {
  /** It works from now on. */
  readonly started?: (thread: Thread) => void
  /** When nothing of the thread is left. */
  readonly gone: () => void
}

interface Shared {
  readonly board: SharedArrayBuffer
  readonly meters: SharedArrayBuffer
  /** Of this thread. */
  cells(): ReturnType<typeof sharedCells>
  takeRegion(): { readonly region: number; leave(): void }
}

/** Two regions a thread that may be replaced: both live for a while. */
function shareThings(regions: number): Shared {
  const meters = new SharedArrayBuffer(sharedMetersBytes(regions))
  const free = Array.from({ length: regions }, (_, i) => regions - 1 - i)
  const takeRegion: Shared['takeRegion'] = () => {
    const region = free.pop()
    if (region === undefined) throw new Fault('thread/failed', 'too many threads end at once')
    const leave = (): void => {
      leaveRegion(meters, region)
      free.push(region)
    }
    return { region, leave }
  }
  return {
    board: new SharedArrayBuffer(BOARD_BYTES),
    meters,
    takeRegion,
    cells: () => sharedCells(meters, takeRegion().region),
  }
}

/** Threads that live, all of which end with the scope. */
function createPool(shared: Shared, scope: Scope) {
  const alive = new Set<Thread>()
  scope.defer(async () => {
    for (const thread of alive) thread.stop()
    await Promise.all([...alive].map(({ gone }) => gone))
  })
  return {
    async begin(plan: (region: number) => Planned): Promise<Thread> {
      const { region, leave } = shared.takeRegion()
      const planned = plan(region)
      const thread = openThread(planned)
      alive.add(thread)
      void thread.gone.then(() => {
        alive.delete(thread)
        leave()
        planned.gone()
      })
      await thread.started
      planned.started?.(thread)
      return thread
    },
  }
}

function answererPlan({
  options,
  queue,
  shared,
  region,
  link,
  applier,
}: {
  readonly options: ReplicaThreadsOptions
  readonly queue: ComputeQueue
  readonly shared: Shared
  readonly region: number
  readonly link: AnswererThreadData['link']
  readonly applier: MessagePort
}): Planned {
  const { replica, clientVersion, memory, port } = options
  const heavy = replica.computeThreads > 0 ? new MessageChannel() : undefined
  const remove = heavy && queue.addAnswerer(createMailbox<ComputeReply, ComputeAsk>(heavy.port1))
  const data = {
    options: { ...replica, port: port.port },
    ...{ clientVersion, board: shared.board, memory, meters: shared.meters, region, applier, link },
    compute: heavy?.port2,
    sharesPort: port.canShare,
  } satisfies AnswererThreadData
  return {
    name: `answerer at ${link.address}`,
    entry: threadFile('answerer'),
    data,
    transfer: [applier, ...(heavy ? [heavy.port2] : [])],
    gone() {
      remove?.()
      heavy?.port1.close()
    },
  }
}

function computerPlan(
  { replica, clientVersion }: ReplicaThreadsOptions,
  queue: ComputeQueue,
  shared: Shared,
  region: number,
): Planned {
  const { port1, port2 } = new MessageChannel()
  const cancelled = new SharedArrayBuffer(CANCELLED_BYTES)
  let remove: (() => void) | undefined
  return {
    name: 'computer',
    entry: threadFile('computer'),
    data: {
      options: replica,
      ...{ clientVersion, board: shared.board, meters: shared.meters, region, cancelled, queue: port2 },
    } satisfies ComputerThreadData,
    transfer: [port2],
    resourceLimits: { maxOldGenerationSizeMb: COMPUTER_HEAP_MB },
    started(thread) {
      const box = createMailbox<ComputeOrder, ComputeNews>(port1)
      remove = queue.addComputer({ box, cancelled: createCancelled(cancelled), kill: () => thread.kill() })
    },
    gone() {
      remove?.()
      port1.close()
    },
  }
}

function answerThreads({ replica, port }: ReplicaThreadsOptions): number {
  if (!port.canShare) return 1
  if (replica.answerThreads > 0) return replica.answerThreads
  return Math.max(1, Math.min(ANSWER_THREADS_MAX, Math.floor(availableParallelism() / 2)))
}

function threadFile(name: string): URL {
  return new URL(`../../thread/${name}.ts`, import.meta.url)
}
