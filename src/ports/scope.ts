/**
 * Structured lifetimes: whoever starts a task stops it. Closing a scope aborts its signal, runs its cleanups in reverse order and
 * waits for every task. The first task that fails aborts the rest; the failure comes out of `failed` and of `close`.
 */
import { Fault } from '#kernel/fault.ts'

export interface Scope extends AsyncDisposable {
  readonly signal: AbortSignal
  /** Starts a task that ends when the signal is aborted. Its failure is the scope's. */
  spawn(name: string, task: (signal: AbortSignal) => Promise<void>): void
  /** Runs at close, last deferred first; at once where the scope is closed or closing: a start that was interrupted still goes on to here. */
  defer(cleanup: () => void | Promise<void>): void
  /** Rejects with the first failure; resolves when the scope is closed without one. */
  readonly failed: Promise<void>
  /** @throws the first failure of a task or cleanup */
  close(): Promise<void>
}

export function openScope(name: string): Scope {
  const controller = new AbortController()
  const tasks = new Set<Promise<void>>()
  const cleanups: (() => void | Promise<void>)[] = []
  let failure: { thrown: unknown } | undefined
  let closing: Promise<void> | undefined
  const outcome = Promise.withResolvers<void>()
  outcome.promise.catch(() => {}) // seen through close; an unwatched `failed` is not an unhandled rejection

  const fail = (thrown: unknown): void => {
    if (failure !== undefined) return
    failure = { thrown }
    controller.abort(thrown)
    outcome.reject(thrown)
  }

  const closeOnce = async (): Promise<void> => {
    controller.abort(new Fault('scope/closed', `${name} is closed`))
    for (const cleanup of cleanups.reverse()) {
      try {
        await cleanup()
      } catch (thrown) {
        fail(thrown)
      }
    }
    while (tasks.size > 0) await Promise.all(tasks)
    if (failure !== undefined) throw failure.thrown
    outcome.resolve()
  }

  return {
    signal: controller.signal,
    failed: outcome.promise,
    spawn(_task, run) {
      const task = Promise.resolve()
        .then(() => run(controller.signal))
        .catch((thrown: unknown) => {
          if (!controller.signal.aborted) fail(thrown)
        })
        .finally(() => tasks.delete(task))
      tasks.add(task)
    },
    defer(cleanup) {
      if (closing === undefined) cleanups.push(cleanup)
      else this.spawn('late cleanup', async () => cleanup())
    },
    close() {
      closing ??= closeOnce()
      return closing
    },
    async [Symbol.asyncDispose]() {
      await this.close()
    },
  }
}
