/** One transaction over all tables: a reader's snapshot (its address), or the writer's own (address 0, which sees its own writes). */
import { assert } from '#kernel/assert.ts'
import {
  KEY_BYTES_MAX,
  type Row,
  type Table,
  VALUE_BYTES_MAX,
  type WriteTx,
} from '#ports/storage/key-value.ts'
import {
  type Buffers,
  type Cursor,
  type Instructions,
  type NativeTable,
  native,
  NOT_FOUND,
  STRICTLY_BEFORE,
  WITH_VALUE,
} from './native.ts'

export type Tables = Readonly<Record<Table, NativeTable>>

export class Transaction implements WriteTx {
  readonly #tables: Tables
  readonly #buffers: Buffers
  readonly #address: number
  readonly #instructions: Instructions | undefined
  /** Kept until the end: a collected cursor whose address is used is a segfault. */
  readonly #cursors = new Map<Table, Cursor>()
  readonly #backwards = new Map<Table, Cursor>()
  /** Tables whose cursor stands on a row. */
  readonly #standing = new Set<Table>()
  #open = true

  /** @param address of a reader's transaction, and 0 for the writer's own
   *  @param instructions of who may write */
  constructor(tables: Tables, buffers: Buffers, address: number, instructions?: Instructions) {
    this.#tables = tables
    this.#buffers = buffers
    this.#address = address
    this.#instructions = instructions
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    this.#setKey(key)
    const length = native.getByBinary(this.#tables[table].dbAddress, key.length, 0, this.#address)
    if (length === NOT_FOUND) return undefined
    if (length < 0) failedRead(table, length)
    return this.#buffers.value(length)
  }

  seek(table: Table, key: Uint8Array): Row | undefined {
    const cursor = this.#cursor(this.#cursors, table)
    this.#setKey(key)
    return this.#stand(table, native.position(cursor.address, WITH_VALUE, 0, key.length, 0))
  }

  seekBefore(table: Table, key: Uint8Array): Row | undefined {
    const cursor = this.#cursor(this.#backwards, table)
    this.#setKey(key)
    return this.#row(table, native.position(cursor.address, STRICTLY_BEFORE, 0, key.length, 0))
  }

  next(table: Table): Row | undefined {
    assert(this.#open, 'a transaction that has ended is not used')
    const cursor = this.#standing.has(table) ? this.#cursors.get(table) : undefined
    return cursor && this.#stand(table, native.iterate(cursor.address))
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    checkKey(key)
    assert(value.length <= VALUE_BYTES_MAX, 'a value has at most 1.9 KB')
    this.#writing().put(this.#tables[table], key, value)
  }

  insert(table: Table, key: Uint8Array, value: Uint8Array): boolean {
    checkKey(key)
    assert(value.length <= VALUE_BYTES_MAX, 'a value has at most 1.9 KB')
    return this.#writing().insert(this.#tables[table], key, value)
  }

  append(table: Table, key: Uint8Array, value: Uint8Array): void {
    checkKey(key)
    assert(value.length <= VALUE_BYTES_MAX, 'a value has at most 1.9 KB')
    const writing = this.#writing()
    if (!writing.append(this.#tables[table], key, value)) writing.put(this.#tables[table], key, value)
  }

  remove(table: Table, key: Uint8Array): boolean {
    checkKey(key)
    return this.#writing().remove(this.#tables[table], key)
  }

  /** Closes the cursors, which must not outlive lmdb's transaction. */
  end(): void {
    assert(this.#open, 'a transaction ends once')
    this.#open = false
    for (const cursor of this.#cursors.values()) cursor.close()
    for (const cursor of this.#backwards.values()) cursor.close()
  }

  #writing(): Instructions {
    assert(this.#open && this.#instructions !== undefined, 'rows are written within a write transaction')
    return this.#instructions
  }

  #setKey(key: Uint8Array): void {
    checkKey(key)
    assert(this.#open, 'a transaction that has ended is not used')
    this.#buffers.setKey(key)
  }

  #cursor(cursors: Map<Table, Cursor>, table: Table): Cursor {
    assert(this.#open, 'a transaction that has ended is not used')
    let cursor = cursors.get(table)
    if (cursor === undefined) {
      cursor = new native.Cursor(this.#tables[table].db, this.#address)
      cursors.set(table, cursor)
    }
    return cursor
  }

  #stand(table: Table, keyLength: number): Row | undefined {
    const row = this.#row(table, keyLength)
    if (row === undefined) this.#standing.delete(table)
    else this.#standing.add(table)
    return row
  }

  #row(table: Table, keyLength: number): Row | undefined {
    if (keyLength < 0) failedRead(table, keyLength)
    if (keyLength === 0) return undefined
    return { key: this.#buffers.foundKey(keyLength), value: this.#buffers.foundValue() }
  }
}

/** Apart, so that a read that succeeds builds no text. */
function failedRead(table: Table, code: number): never {
  assert(false, `a read of ${table} succeeds (lmdb ${code})`)
}

function checkKey(key: Uint8Array): void {
  assert(key.length > 0 && key.length <= KEY_BYTES_MAX, 'a key has 1 to 480 bytes')
}
