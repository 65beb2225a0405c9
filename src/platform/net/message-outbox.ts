/**
 * Messages on their way to a socket, each with its length before it. Those of one turn that are short together leave as one copy, in an
 * array that is used again once the system has taken it; of others, large parts are written as they are.
 */
import type { Socket } from 'node:net'
import { Fault } from '#kernel/fault.ts'
import { LENGTH_BYTES, MESSAGE_BYTES_MAX } from './message-stream.ts'

/** Up to this a copy of all costs less than a write of each. */
const JOINED_BYTES_MAX = 64 * 1024
/** Up to this a part is copied to what stands beside it. */
const COPIED_BYTES_MAX = 4 * 1024

export class MessageOutbox {
  readonly #socket: Socket
  /** A number is the length of the message whose parts follow. */
  #queued: (Uint8Array | number)[] = []
  #scratch = Buffer.allocUnsafeSlow(JOINED_BYTES_MAX)
  bytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  get isEmpty(): boolean {
    return this.#queued.length === 0
  }

  /** @throws Fault net/message-too-large */
  put(parts: readonly Uint8Array[]): void {
    let length = 0
    for (const part of parts) length += part.length
    if (length > MESSAGE_BYTES_MAX)
      throw new Fault('net/message-too-large', `a message of ${length} bytes is over ${MESSAGE_BYTES_MAX}`)
    this.#queued.push(length, ...parts)
    this.bytes += LENGTH_BYTES + length
  }

  /** Hands all of it to the socket. */
  flush(): void {
    const queued = this.#queued
    const bytes = this.bytes
    if (queued.length === 0) return
    this.#queued = []
    this.bytes = 0
    if (bytes <= JOINED_BYTES_MAX) this.#writeJoined(queued, bytes)
    else this.#writeEach(queued)
  }

  #writeJoined(queued: readonly (Uint8Array | number)[], bytes: number): void {
    const out = this.#scratch
    let at = 0
    for (const part of queued) at = copy(part, out, at)
    this.#socket.write(out.subarray(0, bytes))
    // What the system has not taken yet is still read from there.
    if (this.#socket.writableLength > 0) this.#scratch = Buffer.allocUnsafeSlow(JOINED_BYTES_MAX)
  }

  #writeEach(queued: readonly (Uint8Array | number)[]): void {
    const socket = this.#socket
    let small: (Uint8Array | number)[] = []
    let smallBytes = 0
    const join = (): void => {
      if (smallBytes === 0) return
      const out = Buffer.allocUnsafe(smallBytes)
      let at = 0
      for (const part of small) at = copy(part, out, at)
      socket.write(out)
      small = []
      smallBytes = 0
    }
    socket.cork()
    for (const part of queued) {
      if (typeof part === 'number' || part.length <= COPIED_BYTES_MAX) {
        small.push(part)
        smallBytes += typeof part === 'number' ? LENGTH_BYTES : part.length
        continue
      }
      join()
      socket.write(part)
    }
    join()
    socket.uncork()
  }
}

/** A part's bytes, or a length as bytes; where the next ones go. */
function copy(part: Uint8Array | number, out: Buffer, at: number): number {
  if (typeof part === 'number') return out.writeUInt32LE(part, at)
  out.set(part, at)
  return at + part.length
}
