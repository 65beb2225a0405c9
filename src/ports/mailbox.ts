/** Messages between the threads of one process (structured clones), in order; in the simulation one queue. */
export interface Mailbox<Out, In> {
  post(message: Out): void
  onMessage(handler: (message: In) => void): void
}
