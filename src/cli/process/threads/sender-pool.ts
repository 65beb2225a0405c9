/** Threads that recover who signed transactions: what an import would otherwise spend most of its time on. */
import { MessageChannel } from 'node:worker_threads'
import type { SenderlessBlock } from '#chain/block/block-rlp.ts'
import type { Fork } from '#chain/fork/rules.ts'
import type { SendersAsked, SendersFound } from '#cli/thread/senders.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import type { Scope } from '#ports/scope.ts'
import { startThread } from './worker.ts'

export interface SenderPool {
  /** n × 20 bytes; undefined where one is signed by nobody. */
  recover(transactions: SenderlessBlock['transactions'], fork: Fork): Promise<Uint8Array | undefined>
}

export async function startSenderPool(threads: number, scope: Scope): Promise<SenderPool> {
  const waiting = new Map<number, (senders: Uint8Array | undefined) => void>()
  const mailboxes = await Promise.all(
    Array.from({ length: threads }, async (_, i) => {
      const channel = new MessageChannel()
      const mailbox = createMailbox<SendersAsked, SendersFound>(channel.port1)
      mailbox.onMessage(({ id, senders }) => {
        waiting.get(id)?.(senders)
        waiting.delete(id)
      })
      await startThread(scope, {
        name: `senders ${i + 1}`,
        entry: new URL('../../thread/senders.ts', import.meta.url),
        data: { port: channel.port2 },
        transfer: [channel.port2],
      })
      scope.defer(() => channel.port1.close())
      return mailbox
    }),
  )
  let lastId = 0
  return {
    recover(transactions, fork) {
      if (transactions.length === 0) return Promise.resolve(new Uint8Array(0))
      const id = ++lastId
      const found = new Promise<Uint8Array | undefined>((resolve) => waiting.set(id, resolve))
      mailboxes[id % threads]?.post({ id, raw: transactions.map(({ raw }) => raw), fork })
      return found
    },
  }
}
