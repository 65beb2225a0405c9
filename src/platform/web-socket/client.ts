/**
 * WebSocketClient over `ws`: text only, whole messages up to a limit, no compression (the peer is near). Handlers are set in the turn
 * in which connect resolves; what arrives before is kept by the socket's own buffer, because reading starts with the first handler.
 */
import { WebSocket } from 'ws'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { WebSocketClient, WebSocketConnection } from '#ports/net/web-socket.ts'

export function createWebSocketClient(): WebSocketClient {
  return {
    connect(url, options) {
      const { promise, resolve, reject } = Promise.withResolvers<WebSocketConnection>()
      const socket = new WebSocket(url, {
        handshakeTimeout: options.timeoutMs,
        maxPayload: options.messageBytesMax,
        perMessageDeflate: false,
      })
      const failed = (cause: unknown): void =>
        reject(
          new Fault('net/unreachable', `${url} cannot be reached: ${messageOf(cause)}`, { url }, { cause }),
        )
      socket.once('error', failed)
      socket.once('open', () => {
        socket.off('error', failed)
        socket.pause()
        resolve(wrap(socket))
      })
      return promise
    },
  }
}

function wrap(socket: WebSocket): WebSocketConnection {
  let cause: unknown
  let lost = false
  let onLost: ((cause: unknown) => void) | undefined
  socket.on('error', (thrown) => {
    cause = thrown // always followed by close
  })
  socket.on('close', (code) => {
    lost = true
    cause ??= new Fault('net/lost', `the other side closed the connection (code ${code})`, { code })
    onLost?.(cause)
  })
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
    onMessage(handler) {
      socket.on('message', (data, isBinary) => {
        if (!isBinary) handler(String(data))
      })
      socket.resume()
    },
    onLost(handler) {
      onLost = handler
      if (lost) queueMicrotask(() => handler(cause))
    },
    close: () => socket.terminate(),
  }
}
