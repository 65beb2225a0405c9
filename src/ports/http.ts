/** HTTP as a server and as a client. Bodies are whole byte arrays with a limit; headers are lower-case. */
export interface HttpServer {
  /** @throws Fault net/port-in-use, net/refused */
  listen(
    options: {
      readonly host: string
      readonly port: number
      readonly bodyBytesMax: number
      readonly shared?: 'reusePort'
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

export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

export interface HttpListener {
  readonly host: string
  readonly port: number
  /** Stops accepting, lets open requests end for at most `graceMs`, then cuts. */
  close(options: { readonly graceMs: number }): Promise<void>
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
