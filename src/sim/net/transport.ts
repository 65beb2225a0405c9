/** The Transport port over the simulated network: whole messages, copied as a socket copies them. */
import { concatBytes } from '#kernel/bytes.ts'
import { type Connection, lending, type Transport } from '#ports/net/transport.ts'
import type { Life } from '#sim/world/life.ts'
import type { End, Network } from './network.ts'

export function createTransport(life: Life, network: Network): Transport {
  return {
    async listen(address, onConnection) {
      const open = new Set<End<Uint8Array>>()
      const listening = network.listen<Uint8Array>(life, address, (end) => {
        open.add(end)
        onConnection(connectionOf(end, () => open.delete(end)))
      })
      return {
        address,
        stopListening: async () => listening.close(),
        async close() {
          listening.close()
          for (const end of open) end.close()
        },
      }
    },
    connect: async (address, { timeoutMs }) =>
      connectionOf(await network.connect<Uint8Array>(life, address, timeoutMs), () => {}),
  }
}

function connectionOf(end: End<Uint8Array>, ended: () => void): Connection {
  let handler: ((cause: unknown) => void) | undefined
  let lost: { readonly cause: unknown } | undefined
  end.onLost((cause) => {
    lost = { cause }
    ended()
    handler?.(cause)
  })
  return {
    peer: end.peer,
    send(...parts) {
      const message = concatBytes(...parts)
      end.send(message, message.length)
    },
    queuedBytes: () => end.queuedBytes(),
    onMessage: (next, bytes) => end.onMessage(bytes === 'lent' ? lending(next) : next),
    onLost(next) {
      handler = next
      if (lost === undefined) return
      const { cause } = lost
      // As a socket's own event: in a turn of its own.
      void Promise.resolve().then(() => next(cause))
    },
    close: () => end.close(),
  }
}
