/**
 * JSON written as bytes: what blocks, receipts and logs are made of (member names, hex, quantities, all ASCII) goes straight into one
 * array that grows, without a text in between. Whoever writes knows the JSON; nothing here adds commas.
 */
import { utf8 } from '#kernel/bytes.ts'

const FIRST_BYTES = 4_096
/** Up to this a loop is faster than a copy by the engine. */
const LOOPED_BYTES_MAX = 32
const ZERO = 48
const X = 120
const QUOTE = 34
/** What stands between values. */
export const JSON_TEXT = {
  null: utf8('null'),
  comma: utf8(','),
  openList: utf8('['),
  closeList: utf8(']'),
  close: utf8('}'),
  address: utf8('{"address":'),
}
const DIGITS = utf8('0123456789abcdef')
/** The two digits of each byte, side by side. */
const HIGH = new Uint8Array(256)
const LOW = new Uint8Array(256)
for (let i = 0; i < 256; i++) {
  HIGH[i] = DIGITS[i >> 4] as number
  LOW[i] = DIGITS[i & 15] as number
}

export class JsonBytes {
  #bytes: Uint8Array
  #length = 0

  constructor(expectedBytes = FIRST_BYTES) {
    this.#bytes = new Uint8Array(expectedBytes)
  }

  get length(): number {
    return this.#length
  }

  /** Punctuation, names and values that are encoded already. */
  raw(bytes: Uint8Array): this {
    const { length } = bytes
    const at = this.#grow(length)
    const out = this.#bytes
    if (length > LOOPED_BYTES_MAX) out.set(bytes, at)
    else for (let i = 0; i < length; i++) out[at + i] = bytes[i] as number
    return this
  }

  text(text: string): this {
    return this.raw(utf8(text))
  }

  /** `"0x…"`, two digits a byte. */
  hex(bytes: Uint8Array, from = 0, to = bytes.length): this {
    let at = this.#grow(4 + 2 * (to - from))
    const out = this.#bytes
    out[at++] = QUOTE
    out[at++] = ZERO
    out[at++] = X
    for (let i = from; i < to; i++) {
      const byte = bytes[i] as number
      out[at++] = HIGH[byte] as number
      out[at++] = LOW[byte] as number
    }
    out[at] = QUOTE
    return this
  }

  /** `"0x…"` without leading zeros, of a big-endian integer; no bytes are zero. */
  quantity(bytes: Uint8Array, from = 0, to = bytes.length): this {
    let first = from
    while (first < to && bytes[first] === 0) first++
    let at = this.#grow(5 + 2 * (to - first))
    const out = this.#bytes
    out[at++] = QUOTE
    out[at++] = ZERO
    out[at++] = X
    if (first === to) out[at++] = ZERO
    else if ((bytes[first] as number) < 16) out[at++] = LOW[bytes[first++] as number] as number
    for (let i = first; i < to; i++) {
      const byte = bytes[i] as number
      out[at++] = HIGH[byte] as number
      out[at++] = LOW[byte] as number
    }
    out[at++] = QUOTE
    this.#length = at
    return this
  }

  /** `"0x…"` of an integer that is not negative. */
  integer(value: number | bigint): this {
    return typeof value === 'number' && value < 16
      ? this.raw(SMALL[value] as Uint8Array)
      : this.text(`"0x${value.toString(16)}"`)
  }

  /** What was written from `from` on; a copy. */
  copy(from = 0): Uint8Array {
    return this.#bytes.slice(from, this.#length)
  }

  /** Makes room for `count` bytes more; where they begin. */
  #grow(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      wider.set(this.#bytes.subarray(0, at))
      this.#bytes = wider
    }
    return at
  }
}

const SMALL = Array.from({ length: 16 }, (_, value) => utf8(`"0x${value.toString(16)}"`))

/** `,"name":` for each. */
export function memberNames<const N extends string>(...names: readonly N[]): Readonly<Record<N, Uint8Array>> {
  return Object.fromEntries(names.map((name) => [name, utf8(`,"${name}":`)])) as Record<N, Uint8Array>
}
