/** Entry of a thread that recovers senders. */
import { type MessagePort, workerData } from 'node:worker_threads'
import type { Fork } from '#chain/fork/rules.ts'
import { recoverSender } from '#chain/transaction/sender.ts'
import { decodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { installCommittedCore } from '#cli/process/core.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { runThread } from './entry.ts'

export interface SendersAsked {
  readonly id: number
  /** Canonical bytes, decoded without complaint before. */
  readonly raw: readonly Uint8Array[]
  readonly fork: Fork
}
export interface SendersFound {
  readonly id: number
  readonly senders: Uint8Array | undefined
}

const { port } = workerData as { readonly port: MessagePort }

await runThread('senders', async ({ scope }) => {
  installCommittedCore()
  scope.defer(() => port.close())
  const mailbox = createMailbox<SendersFound, SendersAsked>(port)
  mailbox.onMessage(({ id, raw, fork }) => mailbox.post({ id, senders: recoverAll(raw, fork) }))
})

function recoverAll(raw: readonly Uint8Array[], fork: Fork): Uint8Array | undefined {
  const senders = new Uint8Array(20 * raw.length)
  for (const [i, bytes] of raw.entries()) {
    const sender = recoverSender(decodeTransaction(bytes), fork)
    if (sender === undefined) return undefined
    senders.set(sender, 20 * i)
  }
  return senders
}
