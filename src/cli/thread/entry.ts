/** The life of a thread entry file: it starts, says so, runs in a scope, and stops when it is told to. */
import { parentPort } from 'node:worker_threads'
import { assert } from '#kernel/assert.ts'
import { faultCode, messageOf } from '#kernel/fault.ts'
import { openScope, type Scope } from '#ports/scope.ts'
import type { ThreadNews, ThreadOrder } from '#cli/process/worker.ts'

export async function runThread(name: string, start: (scope: Scope) => Promise<void>): Promise<void> {
  const parent = parentPort
  assert(parent !== null, 'a thread entry runs in a thread')
  const scope = openScope(name)
  const told = Promise.withResolvers<void>()
  parent.on('message', (order: ThreadOrder) => {
    if (order.kind === 'stop') told.resolve()
  })
  const tell = (news: ThreadNews): void => parent.postMessage(news)
  try {
    await start(scope)
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
