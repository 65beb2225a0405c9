/** A request as its handler sees it. What few handlers ask for is made when it is asked for. */
import { Fault } from '#kernel/fault.ts'
import type { HttpRequest } from '#ports/net/http.ts'
import type { RequestHead } from './request-head.ts'

const NOTHING = new Uint8Array(0)

export class Request implements HttpRequest {
  readonly #head: RequestHead
  readonly #peer: Peer
  /** Set when it is there: a gate sees the request before. */
  body: Uint8Array = NOTHING
  #controller: AbortController | undefined
  #aborted = false

  constructor(head: RequestHead, peer: Peer) {
    this.#head = head
    this.#peer = peer
  }

  get method(): string {
    return this.#head.method
  }
  get target(): string {
    return this.#head.target
  }
  get headers(): Readonly<Record<string, string | undefined>> {
    return this.#head.headers
  }
  get remote(): string {
    return this.#peer.remote
  }
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(clientGone())
    }
    return this.#controller.signal
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort(clientGone())
  }
}

function clientGone(): Fault {
  return new Fault('net/client-gone', 'the client went away')
}

/** Who asks. */
export interface Peer {
  readonly remote: string
}
