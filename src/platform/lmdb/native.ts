/**
 * The part of lmdb's native module that we call past its own API: gets and cursors that allocate nothing (1.5 µs a seek instead of 3.8).
 * It is exported but not declared, and a wrong address in a call is a segfault: so the version of `lmdb` is pinned exactly.
 * Each thread has one buffer for keys and one for values, shared by all its transactions: what they hold is valid until the next call.
 */
import * as lmdb from 'lmdb'
import { assert } from '#kernel/assert.ts'
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '#ports/storage/key-value.ts'

export interface Cursor {
  readonly address: number
  close(): void
}

export interface Native {
  getByBinary(dbAddress: number, keyLength: number, ifNotTransaction: number, transaction: number): number
  position(cursor: number, flags: number, offset: number, keyLength: number, end: number): number
  iterate(cursor: number): number
  /** One instruction (lmdb's writer.cpp), in the write transaction of this environment; its first word then tells how it went. */
  write(environment: number, instruction: number): void
  getBufferAddress(bytes: Uint8Array): number
  readonly Cursor: new (db: object, transaction: number) => Cursor
  readonly globalBuffer: Uint8Array
}

/** A table as lmdb has it, with the fields that its declarations leave out. */
export type NativeTable = lmdb.Database<Uint8Array, Uint8Array> & {
  readonly db: {
    readonly dbi: number
    /** Of the thread's read transaction. */
    stat(): { treeBranchPageCount: number; treeLeafPageCount: number; overflowPages: number }
  }
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
    copy(key, this.#keys, 0)
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
}

/** A plain view: a slice of a Buffer would be no copy. */
function valueView(length: number): Uint8Array {
  const { buffer, byteOffset } = native.globalBuffer
  return new Uint8Array(buffer, byteOffset, length)
}

const PUT = 15
const REMOVE = 13
const NO_OVERWRITE = 0x10
const APPEND = 0x2_0000
/** In the first word afterwards: there is no such key; of an insert, there is one; of an append, it is not the last. */
const FAILED_CONDITION = 0x400_0000
/** Of an instruction: flags 4 ‖ table 4 ‖ length of the key 4 ‖ key ‖ … length of the value 4 ‖ address of the value 8. */
const WRITTEN_KEY_AT = 12
/** Behind the longest key and the words after it. */
const WRITTEN_VALUE_AT = 1_024
/** Below this a loop is faster than `set`. */
const LOOP_BYTES_MAX = 64

/**
 * Puts and removes without lmdb's own preparation of them, which makes several objects a row: keys and values are copied into one
 * instruction that is used again and again. Only inside a write transaction of the environment.
 */
export class Instructions {
  readonly #environment: number
  readonly #beforeRow: () => void
  readonly #bytes = new Uint8Array(WRITTEN_VALUE_AT + 2_048)
  readonly #words = new Uint32Array(this.#bytes.buffer)
  readonly #doubles = new Float64Array(this.#bytes.buffer)
  readonly #address = native.getBufferAddress(this.#bytes)

  /** @param environment address of lmdb's environment
   *  @param beforeRow is called before each, and may throw */
  constructor(environment: number, beforeRow: () => void) {
    this.#beforeRow = beforeRow
    assert(KEY_BYTES_MAX < 900 && VALUE_BYTES_MAX <= 2_048, 'an instruction has room for any row')
    this.#environment = environment
  }

  put(table: NativeTable, key: Uint8Array, value: Uint8Array): void {
    this.#put(PUT, table, key, value)
  }

  /** False where there is such a key already. */
  insert(table: NativeTable, key: Uint8Array, value: Uint8Array): boolean {
    this.#put(PUT | NO_OVERWRITE, table, key, value)
    return this.#isDone()
  }

  /** False where the key is not after all others of the table. */
  append(table: NativeTable, key: Uint8Array, value: Uint8Array): boolean {
    this.#put(PUT | APPEND, table, key, value)
    return this.#isDone()
  }

  #put(flags: number, table: NativeTable, key: Uint8Array, value: Uint8Array): void {
    const at = this.#begin(flags, table, key)
    this.#doubles[at] = this.#address + WRITTEN_VALUE_AT
    this.#words[2 * at - 1] = value.length
    copy(value, this.#bytes, WRITTEN_VALUE_AT)
    native.write(this.#environment, this.#address)
  }

  /** False where there is no such key. */
  remove(table: NativeTable, key: Uint8Array): boolean {
    this.#begin(REMOVE, table, key)
    native.write(this.#environment, this.#address)
    return this.#isDone()
  }

  #isDone(): boolean {
    return ((this.#words[0] as number) & FAILED_CONDITION) === 0
  }

  /** Returns where the words after the key begin, in units of 8 bytes. */
  #begin(flags: number, table: NativeTable, key: Uint8Array): number {
    this.#beforeRow()
    this.#words[0] = flags
    this.#words[1] = table.db.dbi
    this.#words[2] = key.length
    copy(key, this.#bytes, WRITTEN_KEY_AT)
    return (WRITTEN_KEY_AT + key.length + 16) >> 3
  }
}

function copy(from: Uint8Array, to: Uint8Array, at: number): void {
  if (from.length > LOOP_BYTES_MAX) to.set(from, at)
  else for (let i = 0; i < from.length; i++) to[at + i] = from[i] as number
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
