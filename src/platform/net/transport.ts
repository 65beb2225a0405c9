/** Messages over TCP and Unix sockets: a length before each, and what is sent in one turn of the loop leaves in one write. */
import { lstatSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Connection, Listener, Transport } from '#ports/net/transport.ts'
import { MessageOutbox } from './message-outbox.ts'
import { MessageStream } from './message-stream.ts'

/** How long a Unix socket that is there may take to answer before it counts as left behind. */
const STALE_PROBE_MS = 500

export function createTransport(): Transport {
  return {
    async listen(address, onConnection) {
      await removeStaleSocket(address)
      const sockets = new Set<net.Socket>()
      const server = net.createServer({ noDelay: true }, (socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        onConnection(accepted(socket))
      })
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      server.once('error', (error: NodeJS.ErrnoException) => reject(explainListen(error, address)))
      server.listen(endpoint(address), resolve)
      await promise
      return {
        address: listeningAt(server, address),
        async stopListening() {
          server.close() // leaves the address at once, and removes the name of a Unix socket
        },
        async close() {
          const closed = Promise.withResolvers<void>()
          server.close(() => closed.resolve())
          for (const socket of sockets) socket.destroy()
          await closed.promise
        },
      } satisfies Listener
    },
    async connect(address, { timeoutMs }) {
      const { promise, resolve, reject } = Promise.withResolvers<net.Socket>()
      const stream = new MessageStream()
      const socket: net.Socket = net.connect({
        ...endpoint(address),
        // Node would make an array of 64 KB for each read.
        onread: {
          buffer: () => stream.room(),
          callback: (count) => refuse(stream.took(count), socket, address),
        },
      })
      socket.setNoDelay(true)
      const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      socket.once('connect', () => resolve(socket))
      socket.once('error', (cause) =>
        reject(
          new Fault(
            'net/unreachable',
            `nobody answers at ${address}: ${messageOf(cause)}`,
            { address },
            { cause },
          ),
        ),
      )
      try {
        return createConnection(await promise, address, stream)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

function accepted(socket: net.Socket): Connection {
  const peer = `${socket.remoteAddress ?? 'local'}:${socket.remotePort ?? ''}`
  const stream = new MessageStream()
  socket.on('data', (bytes) => refuse(stream.take(bytes as unknown as Buffer), socket, peer))
  return createConnection(socket, peer, stream)
}

/** @returns whether to read on */
function refuse(problem: string | undefined, socket: net.Socket, peer: string): boolean {
  if (problem !== undefined) socket.destroy(new Fault('net/protocol', `${peer} sent ${problem}`, { peer }))
  return problem === undefined
}

function createConnection(socket: net.Socket, peer: string, stream: MessageStream): Connection {
  let lost: ((cause: unknown) => void) | undefined
  let cause: unknown
  let isLost = false
  const outbox = new MessageOutbox(socket)

  const flush = (): void => {
    if (!isLost) outbox.flush()
  }
  socket.on('error', (error) => (cause = error))
  socket.on('close', () => {
    isLost = true
    lost?.(cause)
  })
  // Nothing is read before the handlers are set, so no message is lost between accept and onMessage.
  socket.pause()
  return {
    peer,
    send(...parts) {
      if (isLost) return
      if (outbox.isEmpty) setImmediate(flush)
      outbox.put(parts)
    },
    queuedBytes: () => outbox.bytes + socket.writableLength,
    onMessage(handler, bytes) {
      stream.deliverTo(handler, bytes)
      socket.resume()
    },
    onLost(next) {
      lost = next
      if (isLost) queueMicrotask(() => next(cause))
    },
    close() {
      flush()
      socket.end()
      socket.destroySoon()
    },
  }
}

function endpoint(address: string): net.ListenOptions & net.NetConnectOpts {
  if (address.startsWith('unix:')) return { path: address.slice(5) }
  const at = address.lastIndexOf(':')
  const port = Number(address.slice(at + 1))
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Fault('net/bad-address', `"${address}" is no address: write HOST:PORT or unix:PATH`, {
      address,
    })
  }
  return { host: address.slice(0, at), port }
}

function listeningAt(server: net.Server, address: string): string {
  const at = server.address()
  return typeof at === 'object' && at !== null
    ? `${address.slice(0, address.lastIndexOf(':'))}:${at.port}`
    : address
}

/** A socket file that nobody answers at was left behind by a process that died. */
async function removeStaleSocket(address: string): Promise<void> {
  if (!address.startsWith('unix:')) return
  const path = address.slice(5)
  const { promise, resolve } = Promise.withResolvers<'alive' | 'stale' | 'absent'>()
  const probe = net.connect({ path })
  probe.once('connect', () => resolve('alive'))
  probe.once('error', (error: NodeJS.ErrnoException) =>
    resolve(error.code === 'ECONNREFUSED' ? 'stale' : 'absent'),
  )
  const timer = setTimeout(() => resolve('alive'), STALE_PROBE_MS)
  const found = await promise
  clearTimeout(timer)
  probe.destroy()
  // Only a socket is ever removed: anything else there is somebody's, and listening will say that it is in the way.
  if (found === 'stale' && lstatSync(path).isSocket()) unlinkSync(path)
}

function explainListen(error: NodeJS.ErrnoException, address: string): Fault {
  if (error.code === 'EADDRINUSE')
    return new Fault(
      'net/port-in-use',
      `${address} is taken: stop the process there or choose another address`,
      { address },
      { cause: error },
    )
  return new Fault(
    'net/refused',
    `cannot listen at ${address}: ${error.message}`,
    { address },
    { cause: error },
  )
}
