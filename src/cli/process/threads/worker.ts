/** A thread of this process: started from an entry file with plain data, told what to do by orders, and stopped in order or at once. */
import { type MessagePort, type ResourceLimits, Worker } from 'node:worker_threads'
import { Fault } from '#kernel/fault.ts'
import type { Scope } from '#ports/scope.ts'

export interface ThreadPlan {
  readonly name: string
  readonly entry: URL
  readonly data: object
  readonly transfer?: readonly MessagePort[]
  readonly resourceLimits?: ResourceLimits
}

export interface Thread {
  /** @throws why it did not start */
  readonly started: Promise<void>
  /** Resolves when it has ended because it was told to. @throws Fault of the thread, or thread/failed */
  readonly ended: Promise<void>
  /** Resolves when nothing of it is left, however it ended. */
  readonly gone: Promise<void>
  /** Resolves when the thread says this. */
  heard(kind: ThreadSays): Promise<void>
  order(order: ThreadOrder, transfer?: readonly MessagePort[]): void
  /** In order. */
  stop(): void
  /** At once, as a failure. */
  kill(): void
}

/** What threads say on the way, beside that they are started or have failed. */
export type ThreadSays = 'linkLeft'
export type ThreadNews =
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly code?: string; readonly message: string }
  | { readonly kind: ThreadSays }
export type ThreadOrder =
  | { readonly kind: 'stop' }
  /** To an answer thread: nothing new from gateways; after `noticeMs` nothing new at all; it ends when all is answered. */
  | { readonly kind: 'drain'; readonly noticeMs: number }
  /** To an answer thread: the link's address is free. */
  | { readonly kind: 'openLink' }
  /** To the applier: one more answer thread listens. */
  | { readonly kind: 'addAnswerer'; readonly port: MessagePort }

export function openThread({ name, entry, data, transfer = [], resourceLimits }: ThreadPlan): Thread {
  const worker = new Worker(entry, {
    workerData: data,
    transferList: transfer as never,
    name,
    ...(resourceLimits && { resourceLimits }),
  })
  const started = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const said = new Map<ThreadSays, PromiseWithResolvers<void>>()
  let stopping = false
  const saying = (kind: ThreadSays): PromiseWithResolvers<void> => {
    const known = said.get(kind) ?? Promise.withResolvers<void>()
    said.set(kind, known)
    return known
  }
  const fail = (thrown: unknown): void => {
    started.reject(thrown)
    ended.reject(thrown)
  }
  worker.on('message', (news: ThreadNews) => {
    if (news.kind === 'started') started.resolve()
    else if (news.kind === 'failed')
      fail(new Fault(news.code ?? 'thread/failed', news.message, { thread: name }))
    else saying(news.kind).resolve()
  })
  worker.on('error', (thrown) =>
    fail(
      new Fault(
        'thread/failed',
        `the thread ${name} failed: ${String(thrown)}`,
        { thread: name },
        { cause: thrown },
      ),
    ),
  )
  worker.on('exit', (code) => {
    gone.resolve()
    if (stopping) ended.resolve()
    else fail(new Fault('thread/failed', `the thread ${name} ended (code ${code})`, { thread: name }))
  })
  // Whoever wants to know awaits them.
  for (const one of [started, ended]) one.promise.catch(() => {})
  const order: Thread['order'] = (what, ports = []) => {
    if (what.kind === 'stop' || what.kind === 'drain') stopping = true
    worker.postMessage(what, ports as never)
  }
  return {
    started: started.promise,
    ended: ended.promise,
    gone: gone.promise,
    heard: (kind) => saying(kind).promise,
    order,
    stop: () => order({ kind: 'stop' }),
    kill: () => void worker.terminate(),
  }
}

/** Its failure fails the scope; closing the scope ends it. */
export function holdThread(scope: Scope, plan: ThreadPlan): Thread {
  const thread = openThread(plan)
  scope.spawn(plan.name, () => thread.ended)
  scope.defer(async () => {
    thread.stop()
    await thread.ended.catch(() => {}) // the scope knows it already
  })
  return thread
}

/** Resolves when the thread has said that it is started. */
export async function startThread(scope: Scope, plan: ThreadPlan): Promise<Thread> {
  const thread = holdThread(scope, plan)
  await thread.started
  return thread
}
