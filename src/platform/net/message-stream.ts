/**
 * A stream of bytes as messages, each with its length before it. One array is read into again and again: a message that is there whole is
 * a view of it, one that is longer than it gets an array of its own, which is read into directly.
 */
export const LENGTH_BYTES = 4
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024
/** With room for several of the pieces in which long answers travel. Pages that nothing is read into cost nothing. */
const READ_BYTES = 256 * 1024
/** Less room than this is not worth a read. */
const ROOM_BYTES_MIN = 64 * 1024

export class MessageStream {
  #deliver: (message: Uint8Array) => void = () => {}
  #lends = false
  readonly #buffer = new Uint8Array(READ_BYTES)
  /** Read and not yet delivered. */
  #start = 0
  #end = 0
  /** A message that is longer than the array. */
  #long: Uint8Array | undefined
  #longFilled = 0

  /** Before anything is taken. @param bytes `lent`: what is delivered is overwritten afterwards */
  deliverTo(handler: (message: Uint8Array) => void, bytes: 'lent' | undefined): void {
    this.#deliver = handler
    this.#lends = bytes === 'lent'
  }

  /** Where the next bytes go; never empty. */
  room(): Uint8Array {
    if (this.#long !== undefined) return this.#long.subarray(this.#longFilled)
    return this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end)
  }

  /** So many bytes have been put into `room`. Returns what is wrong with the stream, if something is. */
  took(count: number): string | undefined {
    if (this.#long !== undefined) return this.#tookLong(this.#long, count)
    this.#end += count
    while (this.#end - this.#start >= LENGTH_BYTES) {
      const length = lengthAt(this.#buffer, this.#start)
      if (length > MESSAGE_BYTES_MAX) return `a message of ${length} bytes, over ${MESSAGE_BYTES_MAX}`
      const from = this.#start + LENGTH_BYTES
      const to = from + length
      if (to > this.#end) {
        if (LENGTH_BYTES + length > READ_BYTES) this.#begin(length, from)
        break
      }
      this.#start = to
      this.#deliver(this.#lends ? this.#buffer.subarray(from, to) : this.#buffer.slice(from, to))
    }
    this.#makeRoom()
    return undefined
  }

  /** The same for bytes that somebody else has read. */
  take(bytes: Uint8Array): string | undefined {
    for (let at = 0; at < bytes.length; ) {
      const room = this.room()
      const count = Math.min(room.length, bytes.length - at)
      room.set(bytes.subarray(at, at + count))
      const problem = this.took(count)
      if (problem !== undefined) return problem
      at += count
    }
    return undefined
  }

  #begin(length: number, from: number): void {
    this.#long = new Uint8Array(length)
    this.#long.set(this.#buffer.subarray(from, this.#end))
    this.#longFilled = this.#end - from
    this.#start = this.#end
  }

  #tookLong(message: Uint8Array, count: number): undefined {
    this.#longFilled += count
    if (this.#longFilled < message.length) return
    this.#long = undefined
    this.#deliver(message)
  }

  /** What is left moves to the front where little room follows it. */
  #makeRoom(): void {
    if (this.#start === this.#end) {
      this.#start = 0
      this.#end = 0
    } else if (READ_BYTES - this.#end < ROOM_BYTES_MIN) {
      this.#buffer.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    }
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)
  return (low | ((bytes[at + 3] as number) << 24)) >>> 0
}
