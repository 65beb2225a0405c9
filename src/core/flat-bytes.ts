/** Writing and reading the flat layouts of `evm-core/src/codec.rs`: little-endian integers, big-endian 256-bit words. */
import { assert } from '#kernel/assert.ts'
import { fromUtf8 } from '#kernel/bytes.ts'

const TWO_TO_32 = 4_294_967_296
/** The upper half of an integer that is exact as a number. */
const EXACT_HIGH_END = 2_097_152

/** Grows as it is written, and is written anew again and again: what it has given is valid until then. */
export class FlatWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }
  restart(): this {
    this.#length = 0
    return this
  }
  u8(value: number): void {
    const at = this.#room(1)
    this.#bytes[at] = value
  }
  u32(value: number): void {
    const at = this.#room(4)
    this.#view.setUint32(at, value, true)
  }
  u64(value: bigint): void {
    if (value === 0n) return this.zeros(8)
    assert(value > 0n && value >> 64n === 0n, 'the value fits in 64 bits')
    const at = this.#room(8)
    this.#view.setBigUint64(at, value, true)
  }
  u128(value: bigint): void {
    if (value === 0n) return this.zeros(16)
    assert(value > 0n && value >> 128n === 0n, 'the value fits in 128 bits')
    const at = this.#room(16)
    // The view takes the low 64 bits of what it is given.
    this.#view.setBigUint64(at, value, true)
    this.#view.setBigUint64(at + 8, value >> 64n, true)
  }
  u256(value: bigint): void {
    if (value === 0n) return this.zeros(32)
    assert(value > 0n && value >> 256n === 0n, 'the value fits in 256 bits')
    const at = this.#room(32)
    for (let i = 0; i < 4; i++) this.#view.setBigUint64(at + 8 * i, value >> BigInt(192 - 64 * i))
  }
  zeros(count: number): void {
    const at = this.#room(count)
    this.#bytes.fill(0, at, at + count)
  }
  bytes(bytes: Uint8Array, length = bytes.length): void {
    assert(bytes.length === length, 'the bytes are as many as their field has')
    const at = this.#room(length)
    this.#bytes.set(bytes, at)
  }
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #room(more: number): number {
    const at = this.#length
    this.#length += more
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return at
  }
}

/** Reads an output. What it gives is copied: the output may lie in the core's own memory. */
export class FlatReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  u8(): number {
    return this.#bytes[this.skip(1)] as number
  }
  u32(): number {
    const at = this.skip(4)
    const bytes = this.#bytes as ArrayLike<number> as readonly number[]
    const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [
      number,
      number,
      number,
      number,
    ]
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
  }
  u64(): bigint {
    const low = this.u32()
    const high = this.u32()
    return high < EXACT_HIGH_END ? BigInt(high * TWO_TO_32 + low) : (BigInt(high) << 32n) | BigInt(low)
  }
  bytes(length: number): Uint8Array {
    const at = this.skip(length)
    return this.#bytes.slice(at, at + length)
  }
  /** u32 length, then that many bytes. */
  sized(): Uint8Array {
    return this.bytes(this.u32())
  }
  text(): string {
    const length = this.u32()
    return length === 0 ? '' : fromUtf8(this.bytes(length))
  }

  /** Where the next `length` bytes are, which are passed over. */
  skip(length: number): number {
    const at = this.#at
    this.#at += length
    assert(this.#at <= this.#bytes.length, 'the core writes whole outputs')
    return at
  }
}
