/**
 * Bodies as they arrive, by length or in chunks (RFC 9112 §6, §7.1). Kept in one growing array, because a body sent byte by byte as a list
 * of pieces would cost its reader a hundred times what it costs its sender. Chunk extensions and trailers are refused: nobody needs
 * them, and parsers differ about them.
 */
import type { HttpLimits } from '#platform/http/limits.ts'

export interface BodyReader {
  /** Takes what is its own of `bytes` from `from` on. @returns where the rest begins */
  take(bytes: Buffer, from: number): number
  /** `more`: not there yet; `whole`: `body` is it; a number: the status of a refusal. */
  readonly state: 'more' | 'whole' | number
  readonly body: Uint8Array
  /** Held until it is whole. */
  readonly heldBytes: number
}

export type BodyLimits = Pick<HttpLimits, 'chunksMax'> & { readonly bodyBytesMax: number }

const CAPACITY_LEAST = 4_096
const EMPTY = new Uint8Array(0)

/** @param length not above the limit: a longer one has been refused by its head */
export function createSizedBody(length: number): BodyReader {
  const store = createStore()
  let body: Uint8Array = EMPTY
  let state: BodyReader['state'] = length === 0 ? 'whole' : 'more'
  return {
    take(bytes, from) {
      const end = Math.min(bytes.length, from + length - store.length)
      if (store.length === 0 && end - from === length) body = view(bytes, from, end)
      else {
        store.add(bytes, from, end, length)
        if (store.length < length) return end
        body = store.bytes()
      }
      state = 'whole'
      return end
    },
    get state() {
      return state
    },
    get body() {
      return body
    },
    get heldBytes() {
      return store.capacity
    },
  }
}

/** What the next bytes of a chunked body are. */
type Expected = 'size' | 'data' | 'end of data' | 'end of body'

const CR = 13
const LF = 10
/** Seven digits are 256 MiB: above any limit of ours, and exact. */
const SIZE_DIGITS_MAX = 7

export function createChunkedBody({ bodyBytesMax, chunksMax }: BodyLimits): BodyReader {
  const store = createStore()
  let state: BodyReader['state'] = 'more'
  let expected: Expected = 'size'
  /** Of the chunk in hand: its size, as far as it has been read, then what is left of it. */
  let left = 0
  let digits = 0
  let chunks = 0
  let sawCr = false

  /** One byte of a line: a size and its end, or an end alone. */
  const takeLineByte = (byte: number): void => {
    if (sawCr) {
      if (byte !== LF) state = 400
      else endLine()
      sawCr = false
    } else if (byte === CR && (expected !== 'size' || digits > 0)) sawCr = true
    else if (expected === 'size' && isHexDigit(byte) && digits < SIZE_DIGITS_MAX) {
      left = left * 16 + Number.parseInt(String.fromCharCode(byte), 16)
      digits++
    } else state = 400
  }

  const endLine = (): void => {
    if (expected === 'end of body') state = 'whole'
    else if (expected === 'end of data') expected = 'size'
    else if (store.length + left > bodyBytesMax || ++chunks > chunksMax) state = 413
    else expected = left === 0 ? 'end of body' : 'data'
    digits = 0
  }

  return {
    take(bytes, from) {
      let at = from
      while (at < bytes.length && state === 'more') {
        if (expected !== 'data') {
          takeLineByte(bytes[at++] as number)
          continue
        }
        const end = Math.min(bytes.length, at + left)
        store.add(bytes, at, end, bodyBytesMax)
        left -= end - at
        at = end
        if (left === 0) expected = 'end of data'
      }
      return at
    },
    get state() {
      return state
    },
    get body() {
      return store.bytes()
    },
    get heldBytes() {
      return store.capacity
    },
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || ((byte | 32) >= 97 && (byte | 32) <= 102)
}

interface Store {
  readonly length: number
  readonly capacity: number
  add(bytes: Buffer, from: number, to: number, lengthMax: number): void
  bytes(): Uint8Array
}

/** Doubles, so that a declared length costs nothing before its bytes are there. */
function createStore(): Store {
  let held: Uint8Array = EMPTY
  let length = 0
  return {
    get length() {
      return length
    },
    get capacity() {
      return held.length
    },
    add(bytes, from, to, lengthMax) {
      const needed = length + to - from
      if (needed > held.length) {
        const grown = new Uint8Array(Math.min(lengthMax, Math.max(CAPACITY_LEAST, held.length * 2, needed)))
        grown.set(held.subarray(0, length))
        held = grown
      }
      held.set(bytes.subarray(from, to), length)
      length = needed
    },
    bytes: () => held.subarray(0, length),
  }
}

/** A plain view: the pure layers know no Buffer. */
function view(bytes: Buffer, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)
}
