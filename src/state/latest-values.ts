/**
 * Of many changes, in the order in which they came, the last of each key, in about the order of the keys. One flat buffer and one native
 * sort: a map of a million short keys costs more than the writes that it saves.
 */
import { assert } from '#kernel/assert.ts'
import { compareBytes } from '#kernel/bytes.ts'

/** Changes that one gathering holds: their places are numbers of 21 bits. */
export const CHANGES_MAX = 2 ** 21
const PLACE_BITS = 21
const FIRST_CAPACITY = 4_096
const GROWTH = 4

export interface LatestValue {
  readonly key: Uint8Array
  /** Empty where the key is absent. */
  readonly value: Uint8Array
  /** How many changes came before it. */
  readonly place: number
}

export class LatestValues {
  readonly #keyBytes: number
  readonly #rowBytes: number
  #rows: Uint8Array
  #count = 0

  /** @param keyBytes of every key, at least 8
   *  @param valueBytesMax of every value, below 256 */
  constructor(keyBytes: number, valueBytesMax: number) {
    this.#keyBytes = keyBytes
    this.#rowBytes = keyBytes + 1 + valueBytesMax
    this.#rows = new Uint8Array(FIRST_CAPACITY * this.#rowBytes)
  }

  count(): number {
    return this.#count
  }

  set(key: Uint8Array, value: Uint8Array): void {
    assert(this.#count < CHANGES_MAX, 'changes are written before there are too many')
    const at = this.#count * this.#rowBytes
    if (at === this.#rows.length) this.#grow()
    this.#rows.set(key, at)
    let end = at + this.#keyBytes
    assert(value.length < this.#rowBytes - this.#keyBytes, 'a value is as short as was said')
    this.#rows[end++] = value.length
    // A loop: values are short, and `set` costs more.
    for (let i = 0; i < value.length; i++) this.#rows[end++] = value[i] as number
    this.#count++
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
      yield* this.#lastOfEach(words, from, to)
      from = to
    }
    this.#count = 0
  }

  /** Of each change, sorted: the beginning of its key (32 and 11 bits, from where keys differ most), then its place. */
  #order(): BigUint64Array {
    const order = new BigUint64Array(this.#count)
    const words = new Uint32Array(order.buffer)
    // Of slots the address decides first, then the slot's own first bytes.
    const second = this.#keyBytes > 20 ? 20 : 4
    for (let i = 0; i < this.#count; i++) {
      const at = i * this.#rowBytes
      const eleven =
        ((this.#rows[at + second] as number) << 3) | ((this.#rows[at + second + 1] as number) >>> 5)
      words[2 * i] = ((eleven << PLACE_BITS) | i) >>> 0
      words[2 * i + 1] =
        (((this.#rows[at] as number) << 24) |
          ((this.#rows[at + 1] as number) << 16) |
          ((this.#rows[at + 2] as number) << 8) |
          (this.#rows[at + 3] as number)) >>>
        0
    }
    return order.sort()
  }

  /** Among neighbours, which share the beginning of their keys and stand in the order in which they came. */
  *#lastOfEach(words: Uint32Array, from: number, to: number): Generator<LatestValue> {
    const rows: LatestValue[] = []
    for (let i = from; i < to; i++) rows.push(this.#row((words[2 * i] as number) & (CHANGES_MAX - 1)))
    if (rows.length > 1) rows.sort((a, b) => compareBytes(a.key, b.key)) // stable: the last of a key stays the last
    for (const [i, row] of rows.entries()) {
      const following = rows[i + 1]
      if (following === undefined || compareBytes(row.key, following.key) !== 0) yield row
    }
  }

  #row(place: number): LatestValue {
    const at = place * this.#rowBytes
    const valueAt = at + this.#keyBytes + 1
    return {
      place,
      key: this.#rows.subarray(at, at + this.#keyBytes),
      value: this.#rows.subarray(valueAt, valueAt + (this.#rows[valueAt - 1] as number)),
    }
  }

  #grow(): void {
    const larger = new Uint8Array(Math.min(GROWTH * this.#rows.length, CHANGES_MAX * this.#rowBytes))
    larger.set(this.#rows)
    this.#rows = larger
  }
}
