/** HTTP as a server and as a client. Bodies are whole byte arrays with a limit; headers are lower-case. */
import { joinParts, type Parts, utf8 } from '#kernel/bytes.ts'

export interface HttpServer {
  /** @throws Fault net/port-in-use, net/refused */
  listen(
    options: {
      readonly host: string
      readonly port: number
      readonly bodyBytesMax: number
      readonly shared?: 'reusePort'
      readonly gate?: HttpGate
    },
    handler: HttpHandler,
  ): Promise<HttpListener>
}

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>

export interface HttpRequest {
  readonly method: string
  /** Path with query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  /** The peer's IP address, an IPv4 one without the `::ffff:` of a dual-stack socket; empty where it has gone already. */
  readonly remote: string
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
}

/** What is known of a request before its body is read. */
export type HttpHead = Pick<HttpRequest, 'method' | 'target' | 'headers' | 'remote'>

/** Stands before a server: who is refused here costs no body and no work. */
export interface HttpGate {
  /** Undefined lets the request in. A response is sent at once, and the body is dropped as it comes. */
  enter(head: HttpHead): HttpResponse | undefined
  /** Once for each request that was let in: its answer has been taken by its client, or the client is gone. */
  left(head: HttpHead): void
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | Parts
  /** Called once, when nobody reads the body any more: its bytes may be used again. Not called where a response cannot be sent. */
  readonly taken?: () => void
}

/** In one piece. */
export function wholeBody({ body }: Pick<HttpResponse, 'body'>): Uint8Array {
  if (typeof body === 'string') return utf8(body)
  return body instanceof Uint8Array ? body : joinParts(body)
}

export interface HttpListener {
  readonly host: string
  readonly port: number
  /**
   * Stops accepting, lets open requests end for at most `graceMs`, then cuts. Connections on which nothing is asked are ended after
   * `idleGraceMs` (0 where it is not given): until then their clients may be in the middle of sending.
   */
  close(options: { readonly graceMs: number; readonly idleGraceMs?: number }): Promise<void>
}

export interface HttpClient {
  /** @throws Fault net/unreachable, net/timeout, net/response-too-large */
  request(
    url: string,
    options: {
      readonly method: 'GET' | 'POST'
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: Uint8Array | string
      readonly timeoutMs: number
      readonly responseBytesMax: number
      readonly signal?: AbortSignal
    },
  ): Promise<{
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: Uint8Array
  }>
}
