/**
 * The threads of one replica: stands between the process and them. It starts the applier, then each answer thread in a slot of its own
 * (a place for its link, a mailbox to the applier, a region of the meters), and puts another in the place of one that ends. A thread that is
 * replaced in order keeps answering until its successor listens on the same port; so nobody is refused in between.
 */
import { availableParallelism } from 'node:os'
import { MessageChannel } from 'node:worker_threads'
import type { AnswererThreadData } from '#cli/thread/answerer.ts'
import type { ApplierThreadData } from '#cli/thread/applier.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { PortClaim } from '#platform/net/port-claim.ts'
import type { Logger } from '#ports/logger.ts'
import type { Scope } from '#ports/scope.ts'
import { leaveRegion, sharedMetersBytes } from '#ports/shared-meters.ts'
import { BOARD_BYTES } from '#roles/replica/board.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { streamAddress } from '#wire/link.ts'
import { openThread, startThread, type Thread } from './worker.ts'

const ANSWER_THREADS_MAX = 8
/** The applier's. */
const FIRST_REGION = 0
const RESTARTS_MAX = replicaLimits.threadRestartsMax.value
const RESTARTS_WITHIN_MS = 60_000
const PAUSE_MS_FIRST = 50

export interface ReplicaThreadsOptions {
  readonly replica: ApplierThreadData['options']
  readonly clientVersion: string
  readonly port: Pick<PortClaim, 'port' | 'canShare'>
  readonly memory: SharedArrayBuffer
}

export interface ReplicaThreads {
  /** Answers what it was asked, takes nothing new, and ends all answer threads. */
  drain(noticeMs: number): Promise<void>
  /** Puts a new thread in the place of each answer thread, one after the other. */
  renew(): Promise<void>
}

/** Resolves when the applier and all answer threads have started. */
export async function startReplicaThreads(
  options: ReplicaThreadsOptions,
  log: Logger,
  scope: Scope,
): Promise<ReplicaThreads> {
  const count = answerThreads(options)
  const regions = 1 + 2 * count
  const board = new SharedArrayBuffer(BOARD_BYTES)
  const meters = new SharedArrayBuffer(sharedMetersBytes(regions))
  const free = Array.from({ length: regions - 1 }, (_, i) => regions - 1 - i)
  const slots: Thread[] = []
  const alive = new Set<Thread>()
  const restarts = createRestarts()
  let draining = false

  // The writer first: it makes the store, and threads share its map (platform/lmdb).
  const applier = await startThread(scope, {
    name: 'applier',
    entry: threadFile('applier'),
    data: { options: options.replica, board, meters, region: FIRST_REGION } satisfies ApplierThreadData,
  })

  const begin = async (slot: number, link: 'free' | 'taken'): Promise<Thread> => {
    const region = free.pop()
    if (region === undefined) throw new Fault('thread/failed', 'too many answer threads end at once')
    const { port1, port2 } = new MessageChannel()
    applier.order({ kind: 'addAnswerer', port: port1 }, [port1])
    const thread = openThread({
      name: `answerer ${slot}`,
      entry: threadFile('answerer'),
      data: {
        options: { ...options.replica, port: options.port.port },
        clientVersion: options.clientVersion,
        ...{ board, memory: options.memory, meters, region, applier: port2 },
        link: { address: streamAddress(options.replica.link, slot), streams: count, isFree: link === 'free' },
        sharesPort: options.port.canShare,
      } satisfies AnswererThreadData,
      transfer: [port2],
    })
    alive.add(thread)
    void thread.gone.then(() => {
      alive.delete(thread)
      leaveRegion(meters, region)
      free.push(region)
    })
    await thread.started
    return thread
  }
  /** From its start to the end of the scope, whoever is in the slot. @throws Fault where too many fail */
  const keep = async (slot: number): Promise<void> => {
    for (;;) {
      const thread = slots[slot] as Thread
      try {
        await thread.ended
        if (draining || scope.signal.aborted) return
      } catch (thrown) {
        await thread.gone
        if (draining || scope.signal.aborted) return
        // One that failed while another took its place needs no third.
        if (slots[slot] === thread) await replaceFailed(slot, thrown)
      }
    }
  }
  const replaceFailed = async (slot: number, cause: unknown): Promise<void> => {
    for (let reason = cause; ; ) {
      const pauseMs = restarts.next(reason)
      log.error('an answer thread failed and is replaced', { slot, reason: messageOf(reason), pauseMs })
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      if (scope.signal.aborted) return
      try {
        slots[slot] = await begin(slot, 'free')
        return
      } catch (thrown) {
        reason = thrown
      }
    }
  }
  const renewOne = async (slot: number): Promise<void> => {
    const old = slots[slot] as Thread
    const young = await begin(slot, 'taken')
    slots[slot] = young
    old.order({ kind: 'drain', noticeMs: 0 })
    await Promise.race([old.heard('linkLeft'), old.gone])
    young.order({ kind: 'openLink' })
    await old.gone
    log.info('an answer thread was replaced', { slot })
  }

  scope.defer(async () => {
    for (const thread of alive) thread.stop()
    await Promise.all([...alive].map(({ gone }) => gone))
  })
  slots.push(...(await Promise.all(Array.from({ length: count }, (_, slot) => begin(slot, 'free')))))
  for (let slot = 0; slot < count; slot++) scope.spawn(`answerer ${slot}`, () => keep(slot))
  return {
    async drain(noticeMs) {
      draining = true
      for (const thread of slots) thread.order({ kind: 'drain', noticeMs })
      await Promise.all(slots.map(({ gone }) => gone))
    },
    async renew() {
      if (!options.port.canShare)
        throw new Fault('replica/port-not-shared', 'this system does not share a port: restart the process')
      for (let slot = 0; slot < count; slot++) await renewOne(slot)
    },
  }
}

function answerThreads({ replica, port }: ReplicaThreadsOptions): number {
  if (!port.canShare) return 1
  if (replica.answerThreads > 0) return replica.answerThreads
  return Math.max(1, Math.min(ANSWER_THREADS_MAX, Math.floor(availableParallelism() / 2)))
}

function threadFile(name: string): URL {
  return new URL(`../thread/${name}.ts`, import.meta.url)
}

/** How long to wait before the next thread takes a failed one's place. */
function createRestarts() {
  const times: number[] = []
  return {
    /** @throws Fault thread/failed where too many failed in too short a time */
    next(cause: unknown): number {
      const nowMs = performance.now()
      while (times.length > 0 && nowMs - (times[0] as number) > RESTARTS_WITHIN_MS) times.shift()
      times.push(nowMs)
      if (times.length > RESTARTS_MAX)
        throw new Fault(
          'thread/failed',
          `${times.length} threads failed within a minute, the last because: ${messageOf(cause)}`,
          {},
          { cause },
        )
      return PAUSE_MS_FIRST * 2 ** (times.length - 1)
    },
  }
}
