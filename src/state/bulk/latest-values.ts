/**
 * Of many changes, in the order in which they came, the last of each key, in about the order of the keys. One flat buffer and one native
 * sort: a map of a million short keys costs more than the writes that it saves.
 */
import { assert } from '#kernel/assert.ts'
import { compareBytes } from '#kernel/bytes.ts'

/** Changes that one gathering holds: their places are numbers of 21 bits. */
export const CHANGES_MAX = 2 ** 21
const PLACE_BITS = 21
const FIRST_CHANGES = 4_096
const FIRST_BYTES = 64 * FIRST_CHANGES

export interface LatestValue {
  readonly key: Uint8Array
  /** Empty where the key is absent. */
  readonly value: Uint8Array
  /** How many changes came before it. */
  readonly place: number
}

export class LatestValues {
  readonly #keyBytes: number
  /** `key ‖ bytes of the value 1 ‖ value`, one behind the other. */
  #bytes = new Uint8Array(FIRST_BYTES)
  #length = 0
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

  /** Adds changes: rows as a ValuePacker packs them. */
  add(rows: Uint8Array): void {
    const from = this.#length
    this.#reserve(from + rows.length)
    this.#bytes.set(rows, from)
    for (let at = 0; at < rows.length; ) {
      if (this.#count === this.#starts.length) this.#growStarts()
      this.#starts[this.#count++] = from + at
      at += this.#keyBytes + 1 + (rows[at + this.#keyBytes] as number)
      assert(at <= rows.length, 'packed values are as long as they say')
    }
    this.#length = from + rows.length
  }

  /** One for each key; the arrays are views. Begins anew afterwards. */
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
    this.#count = 0
    this.#length = 0
  }

  /** Of each change, sorted: the beginning of its key (32 and 11 bits, from where keys differ most), then its place. */
  #order(): BigUint64Array {
    const order = new BigUint64Array(this.#count)
    const words = new Uint32Array(order.buffer)
    // Of slots the address decides first, then the slot's own first bytes.
    const second = this.#keyBytes > 20 ? 20 : 4
    const bytes = this.#bytes
    for (let i = 0; i < this.#count; i++) {
      const at = this.#starts[i] as number
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
    const at = this.#starts[place] as number
    const valueAt = at + this.#keyBytes + 1
    return {
      place,
      key: this.#bytes.subarray(at, at + this.#keyBytes),
      value: this.#bytes.subarray(valueAt, valueAt + (this.#bytes[valueAt - 1] as number)),
    }
  }

  #reserve(needed: number): void {
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, needed))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }

  #growStarts(): void {
    assert(this.#count < CHANGES_MAX, 'changes are written before there are too many')
    const larger = new Uint32Array(Math.min(2 * this.#starts.length, CHANGES_MAX))
    larger.set(this.#starts)
    this.#starts = larger
  }
}
