/** Which implementation of the HttpServer port a process uses: our own, or Node's, whose behaviour ours is held against. */
import type { HttpServer } from '#ports/net/http.ts'
import { createNodeHttpServer } from './node-server.ts'
import { createOwnHttpServer } from './own-server.ts'

export type HttpServerKind = 'own' | 'node'

export function createHttpServer(kind: HttpServerKind = 'own'): HttpServer {
  return kind === 'own' ? createOwnHttpServer() : createNodeHttpServer()
}
