/** The WebSocketClient port over the simulated network. */
import type { WebSocketClient } from '#ports/net/web-socket.ts'
import type { Life } from '#sim/world/life.ts'
import type { Network } from './network.ts'

export function createWebSocketClient(life: Life, network: Network): WebSocketClient {
  return {
    async connect(url, { timeoutMs }) {
      const end = await network.connect<string>(life, url, timeoutMs)
      return {
        send: (text) => end.send(text, text.length),
        onMessage: (handler) => end.onMessage(handler),
        onLost: (handler) => end.onLost(handler),
        close: () => end.close(),
      }
    },
  }
}
