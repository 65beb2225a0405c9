/**
 * The HttpServer port on node:net with a parser of our own: stricter than node:http and cheaper (test/bench/http.bench.ts). One sweep
 * looks after the deadlines of all connections, so that none needs a timer.
 */
import { createServer } from 'node:net'
import type { HttpListener, HttpServer } from '#ports/net/http.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import { createHeadReader } from './message/head-reader.ts'
import { type HttpLimits, limitValues } from './limits.ts'
import { listenAt } from './listening.ts'
import { createResponseHeadWriter } from './message/response-head.ts'

const SWEEP_MS = 500
/** What a socket may hold unsent before no more is answered on it. */
const UNSENT_BYTES_MAX = 16_384

/** @param limits others than the named ones, for tests */
export function createOwnHttpServer(limits: Partial<HttpLimits> = {}): HttpServer {
  const all = { ...limitValues(), ...limits }
  return {
    async listen({ host, port, bodyBytesMax, shared, gate }, handler) {
      const connections = new Set<Connection>()
      let unreadBytes = 0
      const shares: ConnectionHost = {
        handler,
        gate,
        limits: { ...all, bodyBytesMax },
        readHead: createHeadReader(all),
        writeHead: createResponseHeadWriter(),
        nowMs: performance.now(),
        dateSeconds: Math.floor(Date.now() / 1_000),
        draining: false,
        bodyBytesHeld: 0,
        onUnread(changeBytes) {
          unreadBytes += changeBytes
          if (changeBytes > 0 && unreadBytes > all.unreadBytesMax) slowest(connections)?.cut()
        },
        onGone: (connection) => void connections.delete(connection),
      }
      const options = { noDelay: true, allowHalfOpen: true, highWaterMark: UNSENT_BYTES_MAX }
      const server = createServer(options, (socket) => void connections.add(new Connection(socket, shares)))
      server.maxConnections = all.connectionsMax
      const place = { host, port, ...(shared !== undefined && { shared }) }
      const bound = await listenAt(server, place)
      const sweep = setInterval(() => {
        shares.nowMs = performance.now()
        shares.dateSeconds = Math.floor(Date.now() / 1_000)
        for (const connection of connections) connection.sweep()
      }, SWEEP_MS).unref()

      const listener: HttpListener = {
        host,
        port: bound,
        async close({ graceMs, idleGraceMs = 0 }) {
          const closed = Promise.withResolvers<void>()
          server.close(() => closed.resolve())
          shares.draining = true
          const endIdle = (): void => {
            for (const connection of connections) if (connection.idle) connection.end()
          }
          const idle = setTimeout(endIdle, Math.min(idleGraceMs, graceMs))
          if (idleGraceMs === 0) endIdle()
          const cut = setTimeout(() => {
            for (const connection of connections) connection.cut()
          }, graceMs)
          await closed.promise
          clearTimeout(idle)
          clearTimeout(cut)
          clearInterval(sweep)
        },
      }
      return listener
    },
  }
}

function slowest(connections: ReadonlySet<Connection>): Connection | undefined {
  let found: Connection | undefined
  for (const connection of connections)
    if (connection.unreadBytes > (found?.unreadBytes ?? 0)) found = connection
  return found
}
