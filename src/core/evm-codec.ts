/** The flat layouts of `evm-core/src/codec.rs`: little-endian integers, big-endian 256-bit words. */
import { bigintTo } from '#kernel/bytes.ts'

const MASK64 = (1n << 64n) - 1n

/** Grows as it is written. */
export class Writer {
  #bytes: Uint8Array
  #view: DataView
  length = 0

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }
  #room(more: number): number {
    const at = this.length
    if (at + more > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(at + more, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    this.length = at + more
    return at
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
    const at = this.#room(8)
    this.#view.setBigUint64(at, value, true)
  }
  u128(value: bigint): void {
    this.u64(value & MASK64)
    this.u64(value >> 64n)
  }
  u256(value: bigint): void {
    this.bytes(bigintTo(value, 32))
  }
  bytes(bytes: Uint8Array): void {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
  }
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }
}

/** Reads a copy of the output buffer. */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  u8(): number {
    return this.#bytes[this.#at++] as number
  }
  u32(): number {
    this.#at += 4
    return this.#view.getUint32(this.#at - 4, true)
  }
  u64(): bigint {
    this.#at += 8
    return this.#view.getBigUint64(this.#at - 8, true)
  }
  bytes(length: number): Uint8Array {
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
  /** u32 length, then that many bytes. */
  sized(): Uint8Array {
    return this.bytes(this.u32())
  }
}
