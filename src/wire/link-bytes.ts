/** Little-endian primitives of the link: a writer that grows and a reader that refuses whatever does not fit. */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { fromHex, fromUtf8, toHex, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'

const HASH_BYTES = 32
const FIRST_BYTES = 256
const TWO_TO_32 = 4_294_967_296
/** A number must be exact in JavaScript: its upper half has at most 21 bits. */
const HIGH_HALF_END = 2_097_152

/** The last block that was written or read on one stream, as it is and as bytes: most answers are at the block of the one before. */
export class BlockMemo {
  block: BlockRef | undefined
  bytes: Uint8Array = new Uint8Array()

  keep(block: BlockRef, bytes: Uint8Array): void {
    this.block = block
    this.bytes = bytes
  }
}

/** Short messages lie one behind the other: a small array costs more to make than to fill. */
const SLAB_BYTES = 16 * 1024
/** What is expected to be longer has an array of its own. */
const IN_SLAB_BYTES_MAX = 1_024
/** Up to this a loop is faster than an encoder, which makes an array. */
const LOOPED_CHARACTERS_MAX = 128
let slab = new Uint8Array(SLAB_BYTES)
let slabUsed = 0

export class LinkWriter {
  #bytes: Uint8Array
  #from = 0
  #length = 0
  #end: number

  constructor(expectedBytes = FIRST_BYTES) {
    if (expectedBytes > IN_SLAB_BYTES_MAX) {
      this.#bytes = new Uint8Array(expectedBytes)
      this.#end = expectedBytes
      return
    }
    if (slabUsed + expectedBytes > SLAB_BYTES) {
      slab = new Uint8Array(SLAB_BYTES)
      slabUsed = 0
    }
    this.#bytes = slab
    this.#from = this.#length = slabUsed
    slabUsed += expectedBytes
    this.#end = slabUsed
  }

  u8(value: number): this {
    const at = this.#grow(1)
    this.#bytes[at] = value
    return this
  }

  u32(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value < TWO_TO_32, 'a u32 is an integer in its range')
    const at = this.#grow(4)
    const bytes = this.#bytes
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
    return this
  }

  /** An unsigned integer up to 2^53 − 1, in eight bytes. */
  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, 'a u64 of the link is a safe integer')
    return this.u32(value % TWO_TO_32).u32(Math.floor(value / TWO_TO_32))
  }

  /** As UTF-8, sized; what is ASCII and short is written as it is read. */
  text(text: string): this {
    const { length } = text
    if (length > LOOPED_CHARACTERS_MAX) return this.sized(utf8(text))
    const before = this.#length - this.#from
    let at = this.u32(length).#grow(length)
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) {
        this.#length = this.#from + before
        return this.sized(utf8(text))
      }
      bytes[at++] = code
    }
    return this
  }

  /** u32 length, then the bytes. */
  sized(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes)
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  hash(hash: BlockHash): this {
    const bytes = fromHex(hash)
    assert(bytes.length === HASH_BYTES, 'a block hash has 32 bytes')
    return this.raw(bytes)
  }

  block(block: BlockRef, memo?: BlockMemo): this {
    if (memo?.block === block) return this.raw(memo.bytes)
    const before = this.#length - this.#from
    this.u64(block.number).hash(block.hash)
    memo?.keep(block, this.done().slice(before))
    return this
  }

  /** 0, or 1 and the number. */
  optionalU64(value: number | undefined): this {
    return value === undefined ? this.u8(0) : this.u8(1).u64(value)
  }

  done(): Uint8Array {
    return this.#bytes.subarray(this.#from, this.#length)
  }

  /** Makes room for `count` bytes; where they begin. */
  #grow(count: number): number {
    if (this.#length + count > this.#end) this.#widen(count)
    const at = this.#length
    this.#length += count
    return at
  }

  #widen(count: number): void {
    const written = this.#bytes.subarray(this.#from, this.#length)
    const wider = new Uint8Array(Math.max(written.length + count, 2 * (this.#end - this.#from)))
    wider.set(written)
    this.#bytes = wider
    this.#from = 0
    this.#length = written.length
    this.#end = wider.length
  }
}

/** Every method throws Fault wire/link where the bytes end early or hold what no writer writes. */
export class LinkReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number
  }

  u32(): number {
    const at = this.#take(4)
    const bytes = this.#bytes
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)
    return (low | ((bytes[at + 3] as number) << 24)) >>> 0
  }

  u64(): number {
    const low = this.u32()
    const high = this.u32()
    if (high >= HIGH_HALF_END) throw malformed('a number above 2^53')
    return high * TWO_TO_32 + low
  }

  text(): string {
    const bytes = this.sized()
    try {
      return fromUtf8(bytes)
    } catch (cause) {
      throw malformed('a text that is not UTF-8', cause)
    }
  }

  /** Of the text or bytes that come next; they are not read yet. */
  nextLength(): number {
    const length = this.u32()
    this.#at -= 4
    return length
  }

  /** A view of the message's own bytes. */
  sized(): Uint8Array {
    const length = this.u32()
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  hash(): BlockHash {
    const at = this.#take(HASH_BYTES)
    return toHex(this.#bytes, at, at + HASH_BYTES) as BlockHash
  }

  block(memo?: BlockMemo): BlockRef {
    if (memo?.block !== undefined && this.skip(memo.bytes)) return memo.block
    const from = this.#at
    const block = { number: this.u64(), hash: this.hash() }
    memo?.keep(block, this.#bytes.slice(from, this.#at))
    return block
  }

  flag(): boolean {
    const value = this.u8()
    if (value > 1) throw malformed('a flag that is neither 0 nor 1')
    return value === 1
  }

  optionalU64(): number | undefined {
    return this.flag() ? this.u64() : undefined
  }

  /** The entry of a closed list at the index that is read. */
  oneOf<T>(list: readonly T[]): T {
    const value = list[this.u8()]
    if (value === undefined) throw malformed('a variant that this version does not know')
    return value
  }

  /** Takes `bytes` where exactly they come next; else nothing is read. */
  skip(bytes: Uint8Array): boolean {
    const at = this.#at
    if (bytes.length > this.#bytes.length - at) return false
    for (let i = 0; i < bytes.length; i++) if (this.#bytes[at + i] !== bytes[i]) return false
    this.#at += bytes.length
    return true
  }

  at(): number {
    return this.#at
  }

  /** What was read from that place on; a copy. */
  since(at: number): Uint8Array {
    return this.#bytes.slice(at, this.#at)
  }

  remaining(): number {
    return this.#bytes.length - this.#at
  }

  end(): void {
    if (this.remaining() !== 0) throw malformed('bytes after its end')
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) throw malformed('fewer bytes than it announces')
    this.#at = at + count
    return at
  }
}

export function malformed(what: string, cause?: unknown): Fault<'wire/link'> {
  return new Fault('wire/link', `a message on the link holds ${what}: the stream is cut`, {}, { cause })
}
