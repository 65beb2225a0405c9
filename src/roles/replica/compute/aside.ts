/** An answer thread's door to the compute threads: a call that has had its time here is run again there, in the view of the same head. */
import type { Mailbox } from '#ports/mailbox.ts'
import type { HeadContext } from '#rpc/answer.ts'
import type { Call } from '#rpc/envelope.ts'
import type { AsideOutcome, ComputeAsk, ComputeReply } from './compute-messages.ts'

/** Never rejects; `failed` also where nobody waits any more. */
export type Aside = (call: Call, head: HeadContext, signal: AbortSignal) => Promise<AsideOutcome>

export function createAside(queue: Mailbox<ComputeAsk, ComputeReply>): Aside {
  const waiting = new Map<number, (outcome: AsideOutcome) => void>()
  let lastId = 0
  queue.onMessage(({ id, outcome }) => waiting.get(id)?.(outcome))
  return async (call, head, signal) => {
    if (signal.aborted) return { kind: 'failed' }
    const id = ++lastId
    const { promise, resolve } = Promise.withResolvers<AsideOutcome>()
    const gone = (): void => {
      queue.post({ kind: 'cancel', id })
      resolve({ kind: 'failed' })
    }
    waiting.set(id, resolve)
    signal.addEventListener('abort', gone)
    queue.post({ kind: 'run', id, call, head })
    try {
      return await promise
    } finally {
      waiting.delete(id)
      signal.removeEventListener('abort', gone)
    }
  }
}
