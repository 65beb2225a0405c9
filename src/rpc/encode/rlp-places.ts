/**
 * Where the fields of an RLP list stand, without making anything of them. For bytes that are known to be canonical: a block was decoded
 * whole, and strictly (chain/codec/rlp.ts), before it was stored.
 */
import { assert } from '#kernel/assert.ts'

/** A blob transaction's list is the longest: 14 fields. */
const FIELDS_MAX = 14

/** The fields of one RLP list: where the payload of each begins and ends. Its arrays are used again by the next scan. */
export class RlpPlaces {
  readonly from = new Uint32Array(FIELDS_MAX)
  readonly to = new Uint32Array(FIELDS_MAX)
  bytes: Uint8Array = new Uint8Array()
  /** Where the payload that the last header announced begins and ends. */
  #start = 0
  #end = 0

  /** The list that begins at `at`. */
  scan(bytes: Uint8Array, at: number): void {
    this.bytes = bytes
    this.#header(at)
    const end = this.#end
    let next = this.#start
    for (let i = 0; next < end; i++) {
      assert(i < FIELDS_MAX, 'no list of a transaction has more than 14 fields')
      next = this.#header(next)
      this.from[i] = this.#start
      this.to[i] = this.#end
    }
  }

  /** Calls `visit` with the payload of each item between two places. */
  each(from: number, to: number, visit: (from: number, to: number) => void): void {
    for (let next = from; next < to; ) {
      next = this.#header(next)
      visit(this.#start, this.#end)
    }
  }

  /** Reads one prefix; where the next item begins. */
  #header(at: number): number {
    const prefix = this.bytes[at] as number
    if (prefix < 0x80) {
      this.#start = at
      this.#end = at + 1
      return this.#end
    }
    const code = prefix - (prefix >= 0xc0 ? 0xc0 : 0x80)
    let length = code
    let start = at + 1
    if (code > 55) {
      length = 0
      for (const end = start + code - 55; start < end; start++)
        length = length * 256 + (this.bytes[start] as number)
    }
    this.#start = start
    this.#end = start + length
    return this.#end
  }
}
