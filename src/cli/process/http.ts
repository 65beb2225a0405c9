/** The option of every command that listens for HTTP. */
import type { HttpServer } from '#ports/net/http.ts'
import type { OptionTable } from '#ports/options.ts'
import { createHttpServer, type HttpServerKind } from '#platform/http/server.ts'

export const httpOptions = {
  http: {
    flag: 'http',
    type: 'choice',
    choices: ['own', 'node'],
    default: 'own',
    help: "the HTTP server: own is strict and cheaper, node is Node's",
  },
} as const satisfies OptionTable

export interface HttpSettings {
  readonly http: string
}

export function httpServerFor({ http }: HttpSettings): HttpServer {
  return createHttpServer(http as HttpServerKind)
}
