/**
 * Of many changes, in the order in which they came, the last of each key, in about the order of the keys. Flat buffers and one native
 * sort: a map of a million short keys costs more than the writes that it saves. Buffers of one size, so that they grow without being copied.
 */
import { assert } from '#kernel/assert.ts'
import { compareBytes, release } from '#kernel/bytes.ts'

/** Changes that one gathering holds: their places are numbers of 21 bits. */
export const CHANGES_MAX = 2 ** 21
const PLACE_BITS = 21
const FIRST_CHANGES = 4_096
/** Of a buffer: the place of a row is the number of its buffer and, in so many bits, where in it. A row has fewer bytes. */
const BUFFER_BITS = 22
const BUFFER_BYTES = 2 ** BUFFER_BITS

export interface LatestValue {
  readonly key: Uint8Array
  /** Empty where the key is absent. */
  readonly value: Uint8Array
  /** How many changes came before it. */
  readonly place: number
}

export class LatestValues {
  readonly #keyBytes: number
  /** `key ‖ bytes of the value 1 ‖ value`, one behind the other, each whole in one of them. */
  #buffers: Uint8Array[] = []
  /** Of the last one. */
  #length = BUFFER_BYTES
  /** Where each begins. */
  #starts = new Uint32Array(FIRST_CHANGES)
  #count = 0

  /** @param keyBytes of every key, at least 8 */
  constructor(keyBytes: number) {
    this.#keyBytes = keyBytes
  }

  count(): number {
    return this.#count
  }

  /** That it holds until it is cleared. */
  bytes(): number {
    return this.#buffers.length * BUFFER_BYTES
  }

  /** Adds changes: rows as a ValuePacker packs them. */
  add(rows: Uint8Array): void {
    let from = 0
    for (let at = 0; at < rows.length; ) {
      const end = at + this.#keyBytes + 1 + (rows[at + this.#keyBytes] as number)
      assert(end <= rows.length, 'packed values are as long as they say')
      if (this.#length + end - from > BUFFER_BYTES) {
        this.#copy(rows.subarray(from, at))
        this.#buffers.push(new Uint8Array(BUFFER_BYTES))
        this.#length = 0
        from = at
      }
      if (this.#count === this.#starts.length) this.#growStarts()
      this.#starts[this.#count++] = (this.#buffers.length - 1) * BUFFER_BYTES + this.#length + at - from
      at = end
    }
    this.#copy(rows.subarray(from))
  }

  /** Begins anew, and gives its memory back: what was taken is no more. */
  clear(): void {
    for (const buffer of this.#buffers) release(buffer)
    this.#buffers = []
    this.#length = BUFFER_BYTES
    this.#count = 0
  }

  /** One for each key; the arrays are views. */
  *take(): Generator<LatestValue> {
    const order = this.#order()
    const words = new Uint32Array(order.buffer)
    for (let from = 0; from < order.length; ) {
      // Little-endian words: the low one ends in the place.
      const prefixHigh = words[2 * from + 1]
      const prefixLow = (words[2 * from] as number) >>> PLACE_BITS
      let to = from + 1
      while (words[2 * to + 1] === prefixHigh && (words[2 * to] as number) >>> PLACE_BITS === prefixLow) to++
      if (to === from + 1) yield this.#row((words[2 * from] as number) & (CHANGES_MAX - 1))
      else yield* this.#lastOfEach(words, from, to)
      from = to
    }
  }

  /** Of each change, sorted: the beginning of its key (32 and 11 bits, from where keys differ most), then its place. */
  #order(): BigUint64Array {
    const order = new BigUint64Array(this.#count)
    const words = new Uint32Array(order.buffer)
    // Of slots the address decides first, then the slot's own first bytes.
    const second = this.#keyBytes > 20 ? 20 : 4
    for (let i = 0; i < this.#count; i++) {
      const start = this.#starts[i] as number
      const bytes = this.#buffers[start >>> BUFFER_BITS] as Uint8Array
      const at = start & (BUFFER_BYTES - 1)
      const eleven = ((bytes[at + second] as number) << 3) | ((bytes[at + second + 1] as number) >>> 5)
      words[2 * i] = ((eleven << PLACE_BITS) | i) >>> 0
      words[2 * i + 1] =
        (((bytes[at] as number) << 24) |
          ((bytes[at + 1] as number) << 16) |
          ((bytes[at + 2] as number) << 8) |
          (bytes[at + 3] as number)) >>>
        0
    }
    return order.sort()
  }

  /** Among neighbours, which share the beginning of their keys and stand in the order in which they came. */
  *#lastOfEach(words: Uint32Array, from: number, to: number): Generator<LatestValue> {
    const rows: LatestValue[] = []
    for (let i = from; i < to; i++) rows.push(this.#row((words[2 * i] as number) & (CHANGES_MAX - 1)))
    rows.sort((a, b) => compareBytes(a.key, b.key)) // stable: the last of a key stays the last
    for (const [i, row] of rows.entries()) {
      const following = rows[i + 1]
      if (following === undefined || compareBytes(row.key, following.key) !== 0) yield row
    }
  }

  #row(place: number): LatestValue {
    const bytes = this.#buffers[(this.#starts[place] as number) >>> BUFFER_BITS] as Uint8Array
    const at = (this.#starts[place] as number) & (BUFFER_BYTES - 1)
    const valueAt = at + this.#keyBytes + 1
    return {
      place,
      key: bytes.subarray(at, at + this.#keyBytes),
      value: bytes.subarray(valueAt, valueAt + (bytes[valueAt - 1] as number)),
    }
  }

  #copy(rows: Uint8Array): void {
    this.#buffers.at(-1)?.set(rows, this.#length)
    this.#length += rows.length
  }

  #growStarts(): void {
    assert(this.#count < CHANGES_MAX, 'changes are written before there are too many')
    const larger = new Uint32Array(Math.min(2 * this.#starts.length, CHANGES_MAX))
    larger.set(this.#starts)
    this.#starts = larger
  }
}
