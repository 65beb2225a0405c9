/** The life of a thread entry file: it starts, says so, runs in a scope, and stops when it is told to. */
import { parentPort } from 'node:worker_threads'
import { assert } from '#kernel/assert.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import { collectGarbage } from '#platform/memory/memory.ts'
import { openScope, type Scope } from '#ports/scope.ts'
import type { ThreadNews, ThreadOrder, ThreadSays } from '#cli/process/threads/worker.ts'

/** The thread as its entry file sees it. */
export interface ThreadLife {
  readonly scope: Scope
  /** Orders but `stop`, in order, from the first. */
  onOrder(take: (order: ThreadOrder) => void): void
  say(kind: ThreadSays): void
  /** Ends the thread in order, as if it had been told to. */
  end(): void
}

export async function runThread(name: string, start: (life: ThreadLife) => Promise<void>): Promise<void> {
  const parent = parentPort
  assert(parent !== null, 'a thread entry runs in a thread')
  const scope = openScope(name)
  const told = Promise.withResolvers<void>()
  const early: ThreadOrder[] = []
  let take = (order: ThreadOrder): void => void early.push(order)
  parent.on('message', (order: ThreadOrder) => (order.kind === 'stop' ? told.resolve() : take(order)))
  const tell = (news: ThreadNews): void => parent.postMessage(news)
  try {
    await start({
      scope,
      say: (kind) => tell({ kind }),
      end: () => told.resolve(),
      onOrder(next) {
        take = next
        for (const order of early) next(order)
      },
    })
    collectGarbage() // what loading the program has left: a thread that has little to do would keep it for hours
    tell({ kind: 'started' })
    await Promise.race([told.promise, scope.failed])
    await scope.close()
  } catch (thrown) {
    const code = faultCode(thrown)
    const message =
      code === undefined && thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown)
    tell({ kind: 'failed', message, ...(code === undefined ? {} : { code }) })
    await scope.close().catch(() => {})
  } finally {
    parent.close()
  }
}
