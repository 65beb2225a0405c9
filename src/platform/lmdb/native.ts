/**
 * The part of lmdb's native module that we call past its own API: gets and cursors that allocate nothing (1.5 µs a seek instead of 3.8).
 * It is exported but not declared, and a wrong address in a call is a segfault: so the version of `lmdb` is pinned exactly.
 * Each thread has one buffer for keys and one for values, shared by all its transactions: what they hold is valid until the next call.
 */
import * as lmdb from 'lmdb'
import { assert } from '#kernel/assert.ts'
import { VALUE_BYTES_MAX } from '#ports/key-value.ts'

export interface Cursor {
  readonly address: number
  close(): void
}

export interface Native {
  getByBinary(dbAddress: number, keyLength: number, ifNotTransaction: number, transaction: number): number
  position(cursor: number, flags: number, offset: number, keyLength: number, end: number): number
  iterate(cursor: number): number
  readonly Cursor: new (db: object, transaction: number) => Cursor
  readonly globalBuffer: Uint8Array
}

/** A table as lmdb has it, with the fields that its declarations leave out. */
export type NativeTable = lmdb.Database<Uint8Array, Uint8Array> & {
  readonly db: object
  readonly dbAddress: number
}

export const native = (lmdb as unknown as { readonly nativeAddon: Native }).nativeAddon

/** Flags of `position`: with the value; towards lower keys; not the key itself. */
export const WITH_VALUE = 0x100
export const STRICTLY_BEFORE = 0x100 | 0x400 | 0x10000
/** What `getByBinary` gives where there is no such key. */
export const NOT_FOUND = -30_798

/** Where a cursor leaves the key that it found; the length of its value stands at 0. */
const FOUND_KEY_AT = 32

/** The two buffers of this thread. A view of each length is made once, so that reading a row makes no objects. */
export class Buffers {
  readonly #keys: Uint8Array
  readonly #lengths: DataView
  readonly #keyViews: Uint8Array[] = []
  readonly #valueViews: Uint8Array[] = []

  constructor(table: NativeTable) {
    this.#keys = catchKeyBuffer(table)
    this.#lengths = new DataView(this.#keys.buffer, this.#keys.byteOffset, 4)
  }

  setKey(key: Uint8Array): void {
    this.#keys.set(key)
  }

  foundKey(length: number): Uint8Array {
    this.#keyViews[length] ??= new Uint8Array(this.#keys.buffer, this.#keys.byteOffset + FOUND_KEY_AT, length)
    return this.#keyViews[length]
  }

  foundValue(): Uint8Array {
    return this.value(this.#lengths.getUint32(0, true))
  }

  value(length: number): Uint8Array {
    assert(length <= VALUE_BYTES_MAX, 'no stored value is over the limit')
    return (this.#valueViews[length] ??= valueView(length))
  }

  /** A value that may be written: not the buffer into which the key of the same call goes. */
  writable(value: Uint8Array): Uint8Array {
    return value.buffer === this.#keys.buffer ? value.slice() : value
  }
}

/** A plain view: a slice of a Buffer would be no copy. */
function valueView(length: number): Uint8Array {
  const { buffer, byteOffset } = native.globalBuffer
  return new Uint8Array(buffer, byteOffset, length)
}

/** lmdb keeps its key buffer to itself, but hands it to `writeKey`. */
function catchKeyBuffer(table: NativeTable): Uint8Array {
  type Writes = { writeKey(key: Uint8Array, target: Uint8Array, at: number): number }
  const store = table as unknown as Writes
  const { writeKey } = store
  let caught: Uint8Array | undefined
  store.writeKey = (key, target, at) => {
    caught = target
    return writeKey(key, target, at)
  }
  table.getBinaryFast(Uint8Array.of(1))
  store.writeKey = writeKey
  assert(caught !== undefined, 'lmdb writes a key through writeKey')
  return caught
}
