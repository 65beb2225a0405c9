/** WebSocket as a client of execution clients and as a server of users. Text messages only. */
export interface WebSocketClient {
  /** @throws Fault net/unreachable */
  connect(
    url: string,
    options: { readonly timeoutMs: number; readonly messageBytesMax: number },
  ): Promise<WebSocketConnection>
}

export interface WebSocketConnection {
  send(text: string): void
  onMessage(handler: (text: string) => void): void
  /** Called once, however it ended. */
  onLost(handler: (cause: unknown) => void): void
  close(): void
}
