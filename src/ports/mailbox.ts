/** Messages between the threads of one process (structured clones), in order; in the simulation one queue. */
export interface Mailbox<Out, In> {
  /** @param handedOver buffers of the message that are the receiver's from now on; what is not named is copied */
  post(message: Out, handedOver?: readonly ArrayBuffer[]): void
  onMessage(handler: (message: In) => void): void
}
