/** Building and reading the store's own byte layouts: big-endian integers and byte strings with a length of four bytes. */
import { assert } from '#kernel/assert.ts'

/** The four bytes of a block number or index. */
export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  putU32(out, 0, value)
  return out
}

export function putU32(out: Uint8Array, at: number, value: number): void {
  assert(value >= 0 && value <= 0xffff_ffff && Number.isInteger(value), 'a stored integer has 32 bits')
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
}

export function getU32(bytes: Uint8Array, at: number): number {
  assert(at + 4 <= bytes.length, 'a row is as long as its layout says')
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  )
}

/** Grows as it is written. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(expectedBytes = 256) {
    this.#bytes = new Uint8Array(expectedBytes)
  }

  u8(value: number): void {
    const at = this.#claim(1)
    this.#bytes[at] = value
  }

  u32(value: number): void {
    const at = this.#claim(4)
    putU32(this.#bytes, at, value)
  }

  u64(value: bigint): void {
    this.u32(Number(value >> 32n))
    this.u32(Number(value & 0xffff_ffffn))
  }

  raw(bytes: Uint8Array): void {
    const at = this.#claim(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** Length, then bytes. */
  sized(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.raw(bytes)
  }

  /** What was written; a view. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #claim(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    return at
  }
}

/** Reads what ByteWriter wrote. Byte strings are views of the source. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length
  }

  u8(): number {
    return this.raw(1)[0] as number
  }

  u32(): number {
    const value = getU32(this.#bytes, this.#at)
    this.#at += 4
    return value
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32())
  }

  raw(length: number): Uint8Array {
    const from = this.#at
    this.#at += length
    assert(this.#at <= this.#bytes.length, 'a row is as long as its layout says')
    return this.#bytes.subarray(from, this.#at)
  }

  sized(): Uint8Array {
    return this.raw(this.u32())
  }
}
