/** Writing and reading the flat layouts of `evm-core/src/codec.rs`: little-endian integers, big-endian 256-bit words. */
import { assert } from '#kernel/assert.ts'
import { fromUtf8 } from '#kernel/bytes.ts'

/** Grows as it is written. */
export class FlatWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }
  u8(value: number): void {
    const at = this.#room(1)
    this.#view.setUint8(at, value)
  }
  u32(value: number): void {
    const at = this.#room(4)
    this.#view.setUint32(at, value, true)
  }
  u64(value: bigint): void {
    assert(value >= 0n && value >> 64n === 0n, 'the value fits in 64 bits')
    const at = this.#room(8)
    this.#view.setBigUint64(at, value, true)
  }
  u128(value: bigint): void {
    assert(value >= 0n && value >> 128n === 0n, 'the value fits in 128 bits')
    const at = this.#room(16)
    // The view takes the low 64 bits of what it is given.
    this.#view.setBigUint64(at, value, true)
    this.#view.setBigUint64(at + 8, value >> 64n, true)
  }
  u256(value: bigint): void {
    assert(value >= 0n && value >> 256n === 0n, 'the value fits in 256 bits')
    const at = this.#room(32)
    for (let i = 0; i < 4; i++) this.#view.setBigUint64(at + 8 * i, value >> BigInt(192 - 64 * i))
  }
  bytes(bytes: Uint8Array, length = bytes.length): void {
    assert(bytes.length === length, `the bytes are ${length}`)
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

/** Reads a copy of the output buffer; what it gives are views of it. */
export class FlatReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  u8(): number {
    return this.#view.getUint8(this.#step(1))
  }
  u32(): number {
    return this.#view.getUint32(this.#step(4), true)
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#step(8), true)
  }
  bytes(length: number): Uint8Array {
    const at = this.#step(length)
    return this.#bytes.subarray(at, at + length)
  }
  /** u32 length, then that many bytes. */
  sized(): Uint8Array {
    return this.bytes(this.u32())
  }
  text(): string {
    return fromUtf8(this.sized())
  }

  #step(length: number): number {
    const at = this.#at
    this.#at += length
    assert(this.#at <= this.#bytes.length, 'the core writes whole outputs')
    return at
  }
}
