/**
 * One client's connection: bytes in, one request at a time to the handler, answers out in the order of the requests. A pipelining client
 * is read ahead by a bounded number of bytes and then not read at all, so it cannot queue work; answers that are ready together leave
 * in one write. After a refusal nothing that follows is believed: it is read and dropped for a while, so that the sender hears why.
 *
 *   head ──▶ body ──▶ answering ──▶ head …          (ended) ──▶ gone
 *     └────────┴── refused, or the last answer ────────▶┘
 */
import type { Socket } from 'node:net'
import type { HttpGate, HttpHandler, HttpResponse } from '#ports/net/http.ts'
import type { HeadReader } from './message/head-reader.ts'
import type { HttpLimits } from './limits.ts'
import { Outbox } from './outbox.ts'
import { Request } from './message/request.ts'
import { type BodyReader, createChunkedBody, createSizedBody } from './message/request-body.ts'
import type { RequestHead } from './message/request-head.ts'
import { phraseOf, type ResponseHeadWriter } from './message/response-head.ts'

/** What the connections of one listener share. */
export interface ConnectionHost {
  readonly handler: HttpHandler
  readonly gate: HttpGate | undefined
  readonly limits: HttpLimits & { readonly bodyBytesMax: number }
  readonly readHead: HeadReader
  readonly writeHead: ResponseHeadWriter
  /** Monotonic; moved by the sweep, so a deadline is late by at most one sweep and costs no look at a clock. */
  nowMs: number
  dateSeconds: number
  /** Every answer from now on is its connection's last. */
  draining: boolean
  bodyBytesHeld: number
  onUnread(changeBytes: number): void
  onGone(connection: Connection): void
}

type Phase = 'head' | 'body' | 'answering' | 'ended' | 'gone'

const EMPTY = Buffer.alloc(0)
const HEAD_END = Buffer.from('\r\n\r\n')
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const CR = 13
const LF = 10
/** After the last bytes of either side, before a connection that has ended is cut. */
const LINGER_MS = 2_000
const PLAIN = { 'content-type': 'text/plain' }
const FAILED: HttpResponse = { status: 500, headers: PLAIN, body: 'internal error' }

export class Connection {
  readonly #socket: Socket
  readonly #host: ConnectionHost
  #phase: Phase = 'head'
  /** Read and not yet understood. */
  #unparsed: Buffer = EMPTY
  /** How much of it has been searched for the end of a head. */
  #searchedBytes = 0
  #head: RequestHead | undefined
  #body: BodyReader | undefined
  #bodyBytesHeld = 0
  #request: Request | undefined
  /** Let in at the gate, and not yet known to have left: the last of them is the request in hand, if there is one. */
  #inside: Request[] = []
  readonly #outbox: Outbox
  #remote: string | undefined
  #pumping = false
  /** The client has said that it sends no more. */
  #sentAll = false
  #deadlineMs: number
  #endedMs = 0

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    this.#outbox = new Outbox(socket, (changeBytes) => host.onUnread(changeBytes))
    this.#deadlineMs = host.nowMs + host.limits.headTimeMaxMs
    socket.on('data', (bytes: Buffer) => this.#onData(bytes))
    socket.on('drain', () => this.#onDrain())
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => this.#onClose())
    socket.on('error', () => {}) // a reset; `close` follows
  }

  get remote(): string {
    this.#remote ??= (this.#socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
    return this.#remote
  }
  /** Of answers that were written and not taken. */
  get unreadBytes(): number {
    return this.#outbox.unreadBytes
  }
  /** Nothing is asked, and nothing is on its way. */
  get idle(): boolean {
    return this.#phase === 'head' && this.#unparsed.length === 0 && !this.#outbox.blocked
  }

  /** What has taken too long is refused where it can still be told, and else cut. */
  sweep(): void {
    if (this.#host.nowMs < this.#deadlineMs) return
    const asking = this.#phase === 'body' || (this.#phase === 'head' && this.#unparsed.length > 0)
    if (asking && !this.#outbox.blocked) this.#refuse(408, 'the request took too long')
    else this.cut()
  }

  /** No more is answered; what was answered is still sent. */
  end(): void {
    this.#flush()
    if (this.#phase === 'gone' || this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#unparsed = EMPTY
    this.#head = undefined
    this.#releaseBody()
    this.#endedMs = this.#host.nowMs
    if (!this.#outbox.blocked) this.#deadlineMs = this.#endedMs + LINGER_MS
    if (this.#socket.isPaused()) this.#socket.resume()
    if (this.#outbox.written) this.#socket.end()
  }

  cut(): void {
    this.#socket.destroy()
  }

  #onData(bytes: Buffer): void {
    if (this.#phase === 'gone') return
    if (this.#phase === 'ended') {
      // Dropped, but whoever still sends may go on for a while: a reset now would take our refusal away from it.
      const lastMs = this.#endedMs + this.#host.limits.refusedTimeMaxMs
      if (!this.#outbox.blocked) this.#deadlineMs = Math.min(lastMs, this.#host.nowMs + LINGER_MS)
      return
    }
    this.#unparsed = this.#unparsed.length === 0 ? bytes : Buffer.concat([this.#unparsed, bytes])
    if (this.#phase !== 'answering' && !this.#outbox.blocked) this.#pump()
    else if (this.#unparsed.length > this.#host.limits.pipelinedBytesMax) this.#socket.pause()
  }

  /** Takes request after request, as long as answers are there at once. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#canTake() && this.#step());
    this.#pumping = false
    if (this.#phase === 'gone' || this.#phase === 'ended') return
    if (this.#phase === 'answering') this.#outbox.flushSoon()
    else {
      this.#flush()
      if (this.#outbox.blocked) return
      if (this.#sentAll) this.end()
      else if (this.#socket.isPaused()) this.#socket.resume()
    }
  }

  #canTake(): boolean {
    return (this.#phase === 'head' || this.#phase === 'body') && !this.#outbox.blocked
  }

  /** @returns false where more bytes are needed */
  #step(): boolean {
    return this.#phase === 'head' ? this.#takeHead() : this.#takeBody()
  }

  #takeHead(): boolean {
    const bytes = this.#unparsed
    const { headBytesMax, headTimeMaxMs } = this.#host.limits
    const from = leadingEmptyLine(bytes)
    if (from === undefined) return this.#refuse(400, 'this is not an HTTP request')
    if (bytes.length === from) return false
    const end = bytes.indexOf(HEAD_END, Math.max(from, this.#searchedBytes - HEAD_END.length + 1))
    if (end < 0 || end - from > headBytesMax) {
      if (bytes.length - from > headBytesMax)
        return this.#refuse(431, `the head is over ${headBytesMax} bytes`)
      // From its first byte on, however slowly it drips.
      if (this.#searchedBytes === 0) this.#deadlineMs = this.#host.nowMs + headTimeMaxMs
      this.#searchedBytes = bytes.length
      return false
    }
    const head = this.#host.readHead(bytes, from, end)
    if (typeof head === 'number') return this.#refuse(head, phraseOf(head))
    this.#advance(end + HEAD_END.length)
    this.#searchedBytes = 0
    return this.#begin(head)
  }

  #begin(head: RequestHead): boolean {
    const { limits } = this.#host
    if (head.length > limits.bodyBytesMax) return this.#refuse(413, tooLarge(head, limits.bodyBytesMax))
    const request = new Request(head, this)
    const refused = this.#host.gate?.enter(request)
    if (refused !== undefined) return this.#turnAway(head, refused)
    if (this.#host.gate !== undefined) this.#inside.push(request)
    this.#request = request
    this.#head = head
    this.#phase = 'body'
    if (!head.chunked && this.#unparsed.length >= head.length) return true
    this.#body = head.chunked ? createChunkedBody(limits) : createSizedBody(head.length)
    this.#deadlineMs = this.#host.nowMs + limits.requestTimeMaxMs
    if (head.expectsContinue && this.#unparsed.length === 0) this.#outbox.putText(CONTINUE)
    return true
  }

  /** A body that is there is dropped and the connection goes on; one that is to come is not waited for. */
  #turnAway(head: RequestHead, response: HttpResponse): boolean {
    const isThere = !head.chunked && this.#unparsed.length >= head.length
    const stays = isThere && head.keepAlive && !this.#host.draining
    this.#put(response, head, stays)
    if (!stays) {
      this.end()
      return false
    }
    this.#advance(head.length)
    this.#deadlineMs = this.#host.nowMs + this.#host.limits.idleTimeMaxMs
    return true
  }

  #takeBody(): boolean {
    const head = this.#head as RequestHead
    const request = this.#request as Request
    const reader = this.#body
    if (reader === undefined) {
      const { buffer, byteOffset } = this.#unparsed
      request.body = new Uint8Array(buffer, byteOffset, head.length)
      this.#advance(head.length)
      this.#ask(request)
      return true
    }
    this.#advance(reader.take(this.#unparsed, 0))
    this.#holdBody(reader.heldBytes)
    if (this.#host.bodyBytesHeld > this.#host.limits.bodyBytesHeldMax)
      return this.#refuse(503, 'too many bodies arrive at once, try again')
    if (reader.state === 'more') return false
    if (reader.state === 413) return this.#refuse(413, tooLarge(head, this.#host.limits.bodyBytesMax))
    if (reader.state !== 'whole') return this.#refuse(reader.state, 'the chunks of the body cannot be read')
    this.#releaseBody()
    request.body = reader.body
    this.#ask(request)
    return true
  }

  #advance(by: number): void {
    this.#unparsed = this.#unparsed.length === by ? EMPTY : this.#unparsed.subarray(by)
  }

  #holdBody(bytes: number): void {
    this.#host.bodyBytesHeld += bytes - this.#bodyBytesHeld
    this.#bodyBytesHeld = bytes
  }

  #releaseBody(): void {
    this.#holdBody(0)
    this.#body = undefined
  }

  #ask(request: Request): void {
    this.#phase = 'answering'
    this.#deadlineMs = Number.POSITIVE_INFINITY // how long an answer may take is its handler's to limit
    try {
      const answer = this.#host.handler(request)
      if (answer instanceof Promise) answer.then(this.#answer, this.#fail)
      else this.#answer(answer)
    } catch {
      this.#fail() // a bug that the handler has logged: this request ends
    }
  }

  readonly #fail = (): void => this.#answer(FAILED)

  readonly #answer = (response: HttpResponse): void => {
    if (this.#phase !== 'answering') return response.taken?.() // the client has gone meanwhile
    const head = this.#head as RequestHead
    this.#request = undefined
    this.#head = undefined
    this.#phase = 'head'
    this.#deadlineMs = this.#host.nowMs + this.#host.limits.idleTimeMaxMs
    const stays = head.keepAlive && !this.#host.draining
    try {
      this.#put(response, head, stays)
    } catch {
      this.#put(FAILED, head, stays) // a header that cannot be sent: nothing of it has been
    }
    if (!stays) this.end()
    else if (this.#unparsed.length > 0) this.#pump()
    else if (!this.#pumping) this.#settle()
  }

  /** After an answer with nothing read ahead. */
  #settle(): void {
    this.#flush()
    if (this.#sentAll && !this.#outbox.blocked) this.end()
    else if (!this.#outbox.blocked && this.#socket.isPaused()) this.#socket.resume()
  }

  #put(response: HttpResponse, head: RequestHead, stays: boolean): void {
    const { status, headers } = response
    const bodyBytes = lengthOf(response.body)
    const connection = stays ? (head.minorVersion === 0 ? 'keep-alive' : undefined) : 'close'
    const { dateSeconds } = this.#host
    const text = this.#host.writeHead({ status, headers, bodyBytes, connection, dateSeconds })
    if (head.method === 'HEAD' || bodyBytes === 0 || status === 204 || status === 304) {
      this.#outbox.putText(text)
      response.taken?.()
    } else this.#outbox.put(text, response, bodyBytes)
  }

  #flush(): void {
    this.#outbox.flush()
    // It has so long to take what it asked for, counted from each time that it took some.
    if (this.#outbox.blocked) this.#deadlineMs = this.#host.nowMs + this.#host.limits.idleTimeMaxMs
    else if (this.#inside.length > 0) this.#leave()
  }

  /** Those whose answers have been taken. */
  #leave(): void {
    if (this.#outbox.unreadBytes > 0) return
    const open = this.#request
    const left = this.#inside
    this.#inside = open === undefined ? [] : [open]
    for (const request of left) if (request !== open) this.#host.gate?.left(request)
  }

  #onDrain(): void {
    if (!this.#outbox.blocked) {
      this.#outbox.drained()
      return this.#leave()
    }
    const { nowMs, limits } = this.#host
    this.#deadlineMs = nowMs + limits.idleTimeMaxMs
    if (!this.#outbox.drained()) return
    this.#leave()
    if (this.#phase === 'ended') {
      this.#deadlineMs = nowMs + LINGER_MS
      this.#socket.end()
    } else if (this.#phase === 'answering') this.#deadlineMs = Number.POSITIVE_INFINITY
    else this.#pump()
  }

  #onEnd(): void {
    this.#sentAll = true
    // Who only stops sending cannot be told from who has gone; as with node:http, whoever wants an answer that takes its time stays.
    if (this.#phase === 'answering') this.cut()
    else if (!this.#outbox.blocked) this.end()
  }

  #onClose(): void {
    this.#phase = 'gone'
    this.#outbox.close()
    this.#unparsed = EMPTY
    this.#releaseBody()
    this.#request?.abort()
    this.#request = undefined
    this.#leave()
    this.#host.onGone(this)
  }

  /** Nothing that follows on this connection can be trusted to be a request. */
  #refuse(status: number, text: string): false {
    const { dateSeconds } = this.#host
    const facts = {
      status,
      headers: PLAIN,
      bodyBytes: text.length,
      connection: 'close',
      dateSeconds,
    } as const
    this.#outbox.putText(this.#host.writeHead(facts) + text)
    this.end()
    return false
  }
}

/** RFC 9112 §2.2: one empty line before a request is let pass. Undefined where the bytes cannot begin one, as a TLS hello cannot. */
function leadingEmptyLine(bytes: Buffer): number | undefined {
  let from = 0
  if (bytes[0] === CR) {
    if (bytes.length === 1) return 1 // its LF is to come
    if (bytes[1] !== LF) return undefined
    from = 2
  }
  const first = bytes[from]
  return first === undefined || (first >= 65 && first <= 90) ? from : undefined
}

function lengthOf(body: HttpResponse['body']): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  if (body instanceof Uint8Array) return body.length
  let bytes = 0
  for (const part of body) bytes += typeof part === 'string' ? Buffer.byteLength(part) : part.length
  return bytes
}

/** As geth says it. */
function tooLarge(head: RequestHead, bytesMax: number): string {
  return `content length too large (${head.chunked ? 'chunked' : head.length}>${bytesMax})`
}
