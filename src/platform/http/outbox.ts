/**
 * The way of answers to one socket. Small answers are text of one byte a character, collected and written at once: Node writes such a text
 * from the stack in one call. Large ones go as bytes, in pieces, so that a slow reader's progress is seen. What the system has not taken
 * is counted; while it is much, nothing further is answered.
 */
import type { Socket } from 'node:net'

/** Up to this size Node sends a text from the stack; a longer one is copied on the heap first. */
const TEXT_BYTES_MAX = 16_384
const PIECE_BYTES = 256 * 1024

export class Outbox {
  readonly #socket: Socket
  /** Told with the change of `unreadBytes` whenever there is one. */
  readonly #onUnread: (changeBytes: number) => void
  #text = ''
  /** What is left of a large answer. */
  #rest: Buffer | undefined
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
    return this.#rest === undefined
  }

  put(head: string, body: Uint8Array | string, bodyBytes: number): void {
    if (bodyBytes <= TEXT_BYTES_MAX / 2) return this.putText(head + oneByteText(body, bodyBytes))
    this.#socket.cork() // the head goes with the first piece
    this.putText(head)
    this.#writeText()
    this.#rest = typeof body === 'string' ? Buffer.from(body) : bufferOf(body)
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
    this.#rest = undefined
    this.#changeUnread(0)
  }

  #writeText(): void {
    const text = this.#text
    this.#text = ''
    if (!this.#closed && text !== '' && !this.#socket.write(text, 'latin1')) this.blocked = true
  }

  #writeRest(): void {
    while (this.#rest !== undefined && !this.blocked) {
      const rest: Buffer = this.#rest
      this.#rest = rest.length <= PIECE_BYTES ? undefined : rest.subarray(PIECE_BYTES)
      if (!this.#socket.write(this.#rest === undefined ? rest : rest.subarray(0, PIECE_BYTES)))
        this.blocked = true
    }
  }

  #countUnread(): void {
    const waitingBytes = this.#socket.writableLength
    // What the system took at once is its own to send.
    if (waitingBytes === 0 && this.#rest === undefined) this.blocked = false
    this.#changeUnread(waitingBytes + (this.#rest?.length ?? 0))
  }

  #changeUnread(bytes: number): void {
    const change = bytes - this.unreadBytes
    if (change === 0) return
    this.unreadBytes = bytes
    this.#onUnread(change)
  }
}

/** What is ASCII is text of one byte a character already. */
function oneByteText(body: Uint8Array | string, byteLength: number): string {
  if (typeof body !== 'string') return bufferOf(body).toString('latin1')
  return body.length === byteLength ? body : Buffer.from(body).toString('latin1')
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
