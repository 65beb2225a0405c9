/** Whole messages over a stream between processes: length-prefixed frames on TCP or a Unix socket, or the simulated network. */
export interface Transport {
  /** Listens on `host:port` (port 0: any) or `unix:PATH`.
   *  @throws Fault net/port-in-use, net/refused */
  listen(address: string, onConnection: (connection: Connection) => void): Promise<Listener>
  /** @throws Fault net/unreachable */
  connect(address: string, options: { readonly timeoutMs: number }): Promise<Connection>
}

export interface Listener {
  /** As others connect to it; the real port in place of 0. */
  readonly address: string
  /** Accepts nobody any more and leaves the address; connections that are there stay. */
  stopListening(): Promise<void>
  close(): Promise<void>
}

/** Messages arrive in order, once, or the connection is lost. Handlers are set right after it is made, before any message. */
export interface Connection {
  readonly peer: string
  /**
   * Queues one message (at most 64 MiB), in one part or in several that stand in a row; messages of one loop turn leave together. Parts
   * must stay as they are: large ones are not copied. Dropped silently once lost: onLost tells.
   */
  send(...parts: readonly Uint8Array[]): void
  /** Bytes queued here and not yet taken by the operating system: for back-pressure. */
  queuedBytes(): number
  /** @param bytes `lent`: they are the handler's until it returns, and are used again then; else to be kept */
  onMessage(handler: (message: Uint8Array) => void, bytes?: 'lent'): void
  /** Called once, however it ended, and never before this has returned. */
  onLost(handler: (cause: unknown) => void): void
  close(): void
}

/** For transports that have no bytes to use again: what was lent is overwritten, so that whoever keeps it is found out. */
export function lending(handler: (message: Uint8Array) => void): (message: Uint8Array) => void {
  return (message) => {
    handler(message)
    message.fill(TAKEN_BACK)
  }
}
const TAKEN_BACK = 0xdb
