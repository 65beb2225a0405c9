/**
 * JSON written as bytes: what blocks, receipts and logs are made of (member names, hex, quantities, all ASCII) goes straight into one
 * array that grows, without a text in between. Whoever writes knows the JSON; nothing here adds commas.
 */
import { assert } from '#kernel/assert.ts'
import { utf8 } from '#kernel/bytes.ts'
import { EncodedResult } from '#rpc/answer.ts'

const FIRST_BYTES = 4_096
/** What was written in is used again, up to this size and so many: a large array is more work to get than to fill. */
const SPARE_BYTES_MAX = 1024 * 1024
const SPARES_MAX = 8
/** Less than this is copied. */
const LENT_BYTES_MIN = 16 * 1024
/** Up to this a loop is faster than a copy by the engine. */
const LOOPED_BYTES_MAX = 32
/** Words are written whole, past the end of what they hold: what comes next is written over it. */
const SLACK_BYTES = 8
const ZERO = 48
const QUOTE = 34
/** `"0x`, as a word. */
const HEX_START = 0x78_30_22
const DIGITS = utf8('0123456789abcdef')
/** The two digits of each byte, the higher one in the lower half: as they stand in little-endian words. */
const PAIRS = new Uint16Array(256)
for (let i = 0; i < 256; i++) PAIRS[i] = (DIGITS[i >> 4] as number) | ((DIGITS[i & 15] as number) << 8)

/** Of a safe integer the halves: seven digits, and up to seven before them. */
const TWO_TO_28 = 2 ** 28

/** Hex digits of an integer below 2^28; zero has one. */
function digitsOf(value: number): number {
  return value === 0 ? 1 : (35 - Math.clz32(value)) >> 2
}

/**
 * ASCII that is written again and again, as little-endian words of eight bytes; the last may end in zeros. As numbers, because those are
 * stored at once: no eight characters of ASCII are one that is changed on its way (NaN begins with a byte of 0x7f or 0xff).
 */
export interface Literal {
  readonly length: number
  readonly words: Float64Array
}

export function literal(text: string): Literal {
  const { length } = text
  const bytes = new Uint8Array(8 * Math.ceil(length / 8))
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    assert(code < DELETE, 'a literal is printable ASCII')
    bytes[i] = code
  }
  const view = new DataView(bytes.buffer)
  const words = new Float64Array(bytes.length / 8)
  for (let i = 0; i < words.length; i++) words[i] = view.getFloat64(8 * i, true)
  return { length, words }
}
const DELETE = 127

/** What stands between values. */
export const JSON_TEXT = {
  null: literal('null'),
  comma: literal(','),
  openList: literal('['),
  closeList: literal(']'),
  close: literal('}'),
  address: literal('{"address":'),
}

const spares: JsonBytes[] = []
/** Of the last array that was given back: the next that is made will hold as much. */
let usualBytes = FIRST_BYTES

/** What `write` writes: a copy, as long as it is. */
export function jsonBytes(write: (out: JsonBytes) => void): Uint8Array {
  const out = spares.pop() ?? new JsonBytes(usualBytes) // whoever writes within this writes elsewhere
  try {
    write(out)
    return out.copy()
  } finally {
    putBack(out)
  }
}

/** The same for an answer: what is long is lent, so that there is no copy to be made and collected. */
export function encodedJson(write: (out: JsonBytes) => void): EncodedResult {
  const out = spares.pop() ?? new JsonBytes(usualBytes)
  let isLent = false
  try {
    write(out)
    // A short answer that a slow reader takes would keep a large array from others.
    isLent = out.length >= Math.max(LENT_BYTES_MIN, out.room / 2)
    return isLent ? lent(out) : new EncodedResult(out.copy())
  } finally {
    if (!isLent) putBack(out)
  }
}

function lent(out: JsonBytes): EncodedResult {
  let isBack = false
  return new EncodedResult(out.view(), () => {
    // Two answers in one array would show one user what another asked.
    assert(!isBack, 'what was lent is given back once')
    isBack = true
    putBack(out)
  })
}

function putBack(out: JsonBytes): void {
  if (out.room > SPARE_BYTES_MAX) return
  usualBytes = Math.max(FIRST_BYTES, out.length)
  out.restart()
  if (spares.length < SPARES_MAX) spares.push(out)
}

export class JsonBytes {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(expectedBytes = FIRST_BYTES) {
    this.#bytes = new Uint8Array(expectedBytes + SLACK_BYTES)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  /** What is encoded already. */
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

  put({ length, words }: Literal): this {
    let at = this.#grow(length)
    const view = this.#view
    for (let i = 0; i < words.length; i++, at += 8) view.setFloat64(at, words[i] as number, true)
    return this
  }

  /** `"0x…"`, two digits a byte. */
  hex(bytes: Uint8Array, from = 0, to = bytes.length): this {
    const at = this.#grow(4 + 2 * (to - from))
    this.#view.setUint32(at, HEX_START, true)
    this.#bytes[this.#digits(bytes, from, to, at + 3)] = QUOTE
    return this
  }

  /** `"0x…"` without leading zeros, of a big-endian integer; no bytes are zero. */
  quantity(bytes: Uint8Array, from = 0, to = bytes.length): this {
    let first = from
    while (first < to && bytes[first] === 0) first++
    const start = this.#grow(5 + 2 * (to - first))
    this.#view.setUint32(start, HEX_START, true)
    let at = start + 3
    const out = this.#bytes
    if (first === to) out[at++] = ZERO
    else if ((bytes[first] as number) < 16) out[at++] = DIGITS[bytes[first++] as number] as number
    at = this.#digits(bytes, first, to, at)
    out[at] = QUOTE
    this.#length = at + 1
    return this
  }

  /** Where the next byte goes. */
  #digits(bytes: Uint8Array, from: number, to: number, start: number): number {
    const view = this.#view
    let at = start
    let i = from
    for (; i + 1 < to; i += 2, at += 4) {
      const word = (PAIRS[bytes[i] as number] as number) | ((PAIRS[bytes[i + 1] as number] as number) << 16)
      view.setUint32(at, word, true)
    }
    if (i === to) return at
    view.setUint16(at, PAIRS[bytes[i] as number] as number, true)
    return at + 2
  }

  /** `"0x…"` of an integer that is not negative. */
  integer(value: number | bigint): this {
    if (value > Number.MAX_SAFE_INTEGER) return this.text(`"0x${value.toString(16)}"`)
    const number = Number(value)
    const high = Math.floor(number / TWO_TO_28)
    const low = number - high * TWO_TO_28
    const highDigits = high === 0 ? 0 : digitsOf(high)
    const lowDigits = high === 0 ? digitsOf(low) : 7
    const at = this.#grow(4 + highDigits + lowDigits)
    this.#view.setUint32(at, HEX_START, true)
    this.#halfDigits(high, at + 3, highDigits)
    this.#halfDigits(low, at + 3 + highDigits, lowDigits)
    this.#bytes[at + 3 + highDigits + lowDigits] = QUOTE
    return this
  }

  #halfDigits(value: number, at: number, digits: number): void {
    const out = this.#bytes
    let left = value
    for (let i = at + digits - 1; i >= at; i--) {
      out[i] = DIGITS[left & 15] as number
      left >>>= 4
    }
  }

  /** What was written; a copy. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** The same as it lies here: until something else is written. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Forgets what was written. */
  restart(): void {
    this.#length = 0
  }

  /** Bytes that fit before it grows. */
  get room(): number {
    return this.#bytes.length
  }

  /** Makes room for `count` bytes more; where they begin. */
  #grow(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length + SLACK_BYTES > this.#bytes.length) this.#widen(at)
    return at
  }

  #widen(kept: number): void {
    const wider = new Uint8Array(Math.max(this.#length + SLACK_BYTES, 2 * this.#bytes.length))
    wider.set(this.#bytes.subarray(0, kept))
    this.#bytes = wider
    this.#view = new DataView(wider.buffer)
  }
}

/** `,"name":` for each. */
export function memberNames<const N extends string>(...names: readonly N[]): Readonly<Record<N, Literal>> {
  return Object.fromEntries(names.map((name) => [name, literal(`,"${name}":`)])) as Record<N, Literal>
}
