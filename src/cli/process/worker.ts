/** A thread of this process: started from an entry file with plain data, its end is the process's business. */
import { type MessagePort, Worker } from 'node:worker_threads'
import { Fault } from '#kernel/fault.ts'
import type { Scope } from '#ports/scope.ts'

/** Resolves when the thread has said that it is started. Its failure fails the scope; closing the scope ends it. */
export async function startThread(
  scope: Scope,
  name: string,
  entry: URL,
  data: object,
  transfer: readonly MessagePort[] = [],
): Promise<Worker> {
  const worker = new Worker(entry, { workerData: data, transferList: transfer as never, name })
  const started = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  let stopping = false
  worker.on('message', (message: ThreadNews) => {
    if (message.kind === 'started') started.resolve()
    if (message.kind === 'failed')
      fail(new Fault(message.code ?? 'thread/failed', message.message, { thread: name }))
  })
  const fail = (thrown: unknown): void => {
    started.reject(thrown)
    ended.reject(thrown)
  }
  worker.on('error', fail)
  worker.on('exit', (code) => {
    if (stopping) ended.resolve()
    else fail(new Fault('thread/failed', `the thread ${name} ended (code ${code})`, { thread: name }))
  })
  ended.promise.catch(() => {})
  scope.spawn(name, () => ended.promise)
  scope.defer(async () => {
    stopping = true
    worker.postMessage({ kind: 'stop' })
    await ended.promise.catch(() => {})
  })
  await started.promise
  return worker
}

export type ThreadNews =
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly code?: string; readonly message: string }
export type ThreadOrder = { readonly kind: 'stop' }
