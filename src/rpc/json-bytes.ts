/**
 * JSON written as bytes: what blocks, receipts and logs are made of (member names, hex, quantities, all ASCII) goes straight into one
 * array that grows, without a text in between. Whoever writes knows the JSON; nothing here adds commas.
 */
import { utf8 } from '#kernel/bytes.ts'

const FIRST_BYTES = 4_096
/** What was written in is used again up to this size: a large array is more work to get than to fill. */
const SPARE_BYTES_MAX = 4 * 1024 * 1024
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

let spare: JsonBytes | undefined

/** What `write` writes: a copy, as long as it is. */
export function jsonBytes(write: (out: JsonBytes) => void): Uint8Array {
  const out = spare ?? new JsonBytes()
  spare = undefined // whoever writes within this writes elsewhere
  try {
    write(out)
    return out.copy()
  } finally {
    if (out.restart() <= SPARE_BYTES_MAX) spare = out
  }
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

  /** Of any characters; what is ASCII and short is written as it is read. */
  text(text: string): this {
    const { length } = text
    if (length > LOOPED_BYTES_MAX) return this.raw(utf8(text))
    const at = this.#grow(length)
    const out = this.#bytes
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) {
        this.#length = at
        return this.raw(utf8(text))
      }
      out[at + i] = code
    }
    return this
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
    if (value > Number.MAX_SAFE_INTEGER) return this.text(`"0x${value.toString(16)}"`)
    let digits = 1
    for (let above = Math.floor(Number(value) / 16); above > 0; above = Math.floor(above / 16)) digits++
    const at = this.#grow(4 + digits)
    const out = this.#bytes
    out[at] = QUOTE
    out[at + 1] = ZERO
    out[at + 2] = X
    let left = Number(value)
    for (let i = at + 2 + digits; i > at + 2; i--) {
      const higher = Math.floor(left / 16)
      out[i] = LOW[left - 16 * higher] as number
      left = higher
    }
    out[at + 3 + digits] = QUOTE
    return this
  }

  /** What was written; a copy. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** Forgets what was written; the bytes that there is room for. */
  restart(): number {
    this.#length = 0
    return this.#bytes.length
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

/** `,"name":` for each. */
export function memberNames<const N extends string>(...names: readonly N[]): Readonly<Record<N, Uint8Array>> {
  return Object.fromEntries(names.map((name) => [name, utf8(`,"${name}":`)])) as Record<N, Uint8Array>
}
