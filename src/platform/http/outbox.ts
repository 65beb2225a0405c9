/**
 * The way of answers to one socket. Small answers are text of one byte a character, collected and written at once: Node writes such a text
 * from the stack in one call. Large ones go as bytes, in pieces, so that a slow reader's progress is seen. What the system has not taken
 * is counted; while it is much, nothing further is answered.
 */
import type { Socket } from 'node:net'
import type { Parts } from '#kernel/bytes.ts'
import type { HttpResponse } from '#ports/net/http.ts'

/** Up to this size Node sends a text from the stack; a longer one is copied on the heap first. */
const TEXT_BYTES_MAX = 16_384
const PIECE_BYTES = 256 * 1024
/** Below this a copy is cheaper than a piece of its own. */
const JOINED_BYTES_MAX = 4_096
const EMPTY = Buffer.alloc(0)

export class Outbox {
  readonly #socket: Socket
  /** Told with the change of `unreadBytes` whenever there is one. */
  readonly #onUnread: (changeBytes: number) => void
  #text = ''
  /** What is left of a large answer. */
  #rest: Buffer[] = []
  /** Told once nobody reads the bytes of large answers any more. */
  #lent: (() => void)[] = []
  #flushPlanned = false
  #closed = false
  /** The system takes no more for now: wait for `drained`. */
  blocked = false
  /** Written and not taken by the system. */
  unreadBytes = 0

  constructor(socket: Socket, onUnread: (changeBytes: number) => void) {
    this.#socket = socket
    this.#onUnread = onUnread
  }

  /** The whole answer has been handed to the socket. */
  get written(): boolean {
    return this.#rest.length === 0
  }

  put(head: string, { body, taken }: HttpResponse, bodyBytes: number): void {
    const parts = typeof body === 'string' || body instanceof Uint8Array ? [body] : body
    if (bodyBytes <= TEXT_BYTES_MAX / 2) {
      this.putText(head + parts.map(oneByteText).join(''))
      return taken?.()
    }
    if (taken !== undefined) this.#lent.push(taken)
    this.#socket.cork() // the head goes with the first piece
    this.putText(head)
    this.#writeText()
    this.#rest = piecesOf(parts)
    this.#writeRest()
    this.#socket.uncork()
    this.#countUnread()
  }

  putText(text: string): void {
    if (this.#text.length + text.length > TEXT_BYTES_MAX) this.flush()
    this.#text += text
  }

  flush(): void {
    if (this.#text === '') return
    this.#writeText()
    this.#countUnread()
  }

  /** Answers that are ready in this turn leave together: one that comes in the next microtask is waited for, and nothing longer. */
  flushSoon(): void {
    if (this.#text === '' || this.#flushPlanned) return
    this.#flushPlanned = true
    process.nextTick(() => {
      this.#flushPlanned = false
      this.flush()
    })
  }

  /** The system has taken all that was written. @returns whether there is room now */
  drained(): boolean {
    this.blocked = false
    this.#writeRest()
    this.#countUnread()
    return !this.blocked
  }

  close(): void {
    this.#closed = true
    this.#text = ''
    this.#rest = []
    this.#changeUnread(0)
    this.#giveBack()
  }

  #writeText(): void {
    const text = this.#text
    this.#text = ''
    if (!this.#closed && text !== '' && !this.#socket.write(text, 'latin1')) this.blocked = true
  }

  #writeRest(): void {
    while (this.#rest.length > 0 && !this.blocked) {
      const [next = EMPTY, ...others] = this.#rest
      const piece = next.length <= PIECE_BYTES ? next : next.subarray(0, PIECE_BYTES)
      this.#rest = piece === next ? others : [next.subarray(PIECE_BYTES), ...others]
      if (!this.#socket.write(piece)) this.blocked = true
    }
  }

  #countUnread(): void {
    const waitingBytes = this.#socket.writableLength
    // What the system took at once is its own to send.
    if (waitingBytes === 0 && this.written) this.blocked = false
    this.#changeUnread(this.#rest.reduce((sum, { length }) => sum + length, waitingBytes))
    if (this.unreadBytes === 0) this.#giveBack()
  }

  #giveBack(): void {
    if (this.#lent.length === 0) return
    const lent = this.#lent
    this.#lent = []
    for (const taken of lent) taken()
  }

  #changeUnread(bytes: number): void {
    const change = bytes - this.unreadBytes
    if (change === 0) return
    this.unreadBytes = bytes
    this.#onUnread(change)
  }
}

/** Large parts as they are, what is small between them joined. */
function piecesOf(parts: Parts): Buffer[] {
  const pieces: Buffer[] = []
  let small: Buffer[] = []
  const join = (): void => {
    if (small.length > 0) pieces.push(Buffer.concat(small))
    small = []
  }
  for (const part of parts) {
    const piece = typeof part === 'string' ? Buffer.from(part) : bufferOf(part)
    if (piece.length < JOINED_BYTES_MAX) small.push(piece)
    else {
      join()
      pieces.push(piece)
    }
  }
  join()
  return pieces
}

/** UTF-8 as text of one byte a character, which ASCII is already. */
function oneByteText(part: Uint8Array | string): string {
  if (typeof part !== 'string') return bufferOf(part).toString('latin1')
  return Buffer.byteLength(part) === part.length ? part : Buffer.from(part).toString('latin1')
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
