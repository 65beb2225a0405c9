/** Mailboxes between worker threads: structured clones over a message port. */
import type { Mailbox } from '#ports/mailbox.ts'

interface PortLike {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void
  on(event: 'message', handler: (message: unknown) => void): unknown
}

/** Wraps one end of a MessageChannel, a Worker seen from its parent, or the parent's port seen from a worker. */
export function createMailbox<Out, In>(port: PortLike): Mailbox<Out, In> {
  return {
    post: (message, handedOver) => port.postMessage(message, handedOver),
    onMessage: (handler) => void port.on('message', (message) => handler(message as In)),
  }
}
