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
  /** Queues one message (at most 64 MiB); messages of one loop turn leave together. Dropped silently once lost: onLost tells. */
  send(message: Uint8Array): void
  /** Bytes queued here and not yet taken by the operating system: for back-pressure. */
  queuedBytes(): number
  onMessage(handler: (message: Uint8Array) => void): void
  /** Called once, however it ended, and never before this has returned. */
  onLost(handler: (cause: unknown) => void): void
  close(): void
}
