/** Messages over TCP and Unix sockets: a length before each, and what is sent in one turn of the loop leaves in one write. */
import { lstatSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Connection, Listener, Transport } from '#ports/transport.ts'

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024
const LENGTH_BYTES = 4
/** Messages of one turn that together are no longer leave as one copy: a write of each would cost more. */
const JOINED_BYTES_MAX = 64 * 1024
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
        onConnection(
          createConnection(socket, `${socket.remoteAddress ?? 'local'}:${socket.remotePort ?? ''}`),
        )
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
      const socket = net.connect(endpoint(address))
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
        return createConnection(await promise, address)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

function createConnection(socket: net.Socket, peer: string): Connection {
  let handler: ((message: Uint8Array) => void) | undefined
  let lost: ((cause: unknown) => void) | undefined
  let cause: unknown
  let isLost = false
  let queued: Uint8Array[] = []
  let queuedBytes = 0
  const collect = createCollector((message) => handler?.(message))

  const flush = (): void => {
    const batch = queued
    const bytes = queuedBytes
    queued = []
    queuedBytes = 0
    if (isLost || batch.length === 0) return
    if (bytes <= JOINED_BYTES_MAX) {
      socket.write(joined(batch, bytes))
      return
    }
    socket.cork()
    for (const message of batch) {
      const length = Buffer.allocUnsafe(LENGTH_BYTES)
      length.writeUInt32LE(message.length)
      socket.write(length)
      socket.write(message)
    }
    socket.uncork()
  }
  socket.on('data', (bytes) => {
    const problem = collect(bytes as unknown as Buffer)
    if (problem !== undefined) socket.destroy(new Fault('net/protocol', `${peer} sent ${problem}`, { peer }))
  })
  socket.on('error', (error) => (cause = error))
  socket.on('close', () => {
    isLost = true
    lost?.(cause)
  })
  // Nothing is read before the handlers are set, so no message is lost between accept and onMessage.
  socket.pause()
  return {
    peer,
    send(message) {
      if (isLost) return
      if (message.length > MESSAGE_BYTES_MAX)
        throw new Fault(
          'net/message-too-large',
          `a message of ${message.length} bytes is over ${MESSAGE_BYTES_MAX}`,
        )
      if (queued.length === 0) setImmediate(flush)
      queued.push(message)
      queuedBytes += LENGTH_BYTES + message.length
    },
    queuedBytes: () => queuedBytes + socket.writableLength,
    onMessage(next) {
      handler = next
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

/** Each with its length before it. */
function joined(messages: readonly Uint8Array[], bytes: number): Buffer {
  const out = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const message of messages) {
    at = out.writeUInt32LE(message.length, at)
    out.set(message, at)
    at += message.length
  }
  return out
}

/** Cuts a stream into messages: views of what has come where one is there whole. Returns what is wrong with it, if something is. */
function createCollector(deliver: (message: Uint8Array) => void): (bytes: Buffer) => string | undefined {
  const head = Buffer.alloc(LENGTH_BYTES)
  let headBytes = 0
  let message: Uint8Array | undefined
  let filled = 0
  return (bytes) => {
    for (let at = 0; at < bytes.length || message?.length === 0; ) {
      if (message === undefined) {
        if (headBytes === 0 && bytes.length - at >= LENGTH_BYTES) {
          const length = bytes.readUInt32LE(at)
          const from = at + LENGTH_BYTES
          if (length <= bytes.length - from) {
            at = from + length
            deliver(new Uint8Array(bytes.buffer, bytes.byteOffset + from, length))
            continue
          }
        }
        const n = Math.min(LENGTH_BYTES - headBytes, bytes.length - at)
        head.set(bytes.subarray(at, at + n), headBytes)
        headBytes += n
        at += n
        if (headBytes < LENGTH_BYTES) return undefined
        const length = head.readUInt32LE(0)
        if (length > MESSAGE_BYTES_MAX) return `a message of ${length} bytes, over ${MESSAGE_BYTES_MAX}`
        message = new Uint8Array(length)
        filled = 0
        headBytes = 0
      }
      const n = Math.min(message.length - filled, bytes.length - at)
      message.set(bytes.subarray(at, at + n), filled)
      filled += n
      at += n
      if (filled < message.length) return undefined
      const whole = message
      message = undefined
      deliver(whole)
    }
    return undefined
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
