/**
 * Rows in one array, so that a thread which makes them hands them to the one that writes them without copying. Rows of any table:
 * `kind 1 ‖ table 1 ‖ bytes of the key 2 ‖ bytes of the value 2 ‖ key ‖ value`; latest values of one table, whose keys have one length:
 * `key ‖ bytes of the value 1 ‖ value`.
 */
import { assert } from '#kernel/assert.ts'
import { TABLES, type Table, type WriteTx } from '#ports/storage/key-value.ts'
import { addPlace, type BlockSink } from './chain-rows.ts'

const KINDS = ['put', 'append', 'insert', 'place'] as const
type Kind = (typeof KINDS)[number]
const HEAD_BYTES = 6
const FIRST_BYTES = 32 * 1024
/** Below this a loop is faster than `set`. */
const LOOP_BYTES_MAX = 64

/** Grows as rows are added. May be used again: the next block needs about as much. */
export class RowPacker implements BlockSink {
  #bytes = new Uint8Array(FIRST_BYTES)
  #length = 0
  #count = 0

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#add('put', table, key, value)
  }
  append(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#add('append', table, key, value)
  }
  /** For rows whose value follows from their key. */
  insert(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#add('insert', table, key, value)
  }
  place(prefix: Uint8Array, place: Uint8Array): void {
    this.#add('place', 'transactions', prefix, place)
  }

  count(): number {
    return this.#count
  }
  /** What was packed, in an array of its own. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
  /** Begins anew. */
  clear(): void {
    this.#length = 0
    this.#count = 0
  }

  #add(kind: Kind, table: Table, key: Uint8Array, value: Uint8Array): void {
    const at = this.#length
    const end = at + HEAD_BYTES + key.length + value.length
    if (end > this.#bytes.length) this.#grow(end)
    const bytes = this.#bytes
    bytes[at] = KINDS.indexOf(kind)
    bytes[at + 1] = TABLES.indexOf(table)
    bytes[at + 2] = key.length >>> 8
    bytes[at + 3] = key.length
    bytes[at + 4] = value.length >>> 8
    bytes[at + 5] = value.length
    copy(key, bytes, at + HEAD_BYTES)
    copy(value, bytes, at + HEAD_BYTES + key.length)
    this.#length = end
    this.#count++
  }

  #grow(needed: number): void {
    this.#bytes = larger(this.#bytes, needed)
  }
}

function larger(bytes: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.max(2 * bytes.length, needed))
  out.set(bytes)
  return out
}

/** Writes what a {@link RowPacker} packed. */
export function writePacked(tx: WriteTx, packed: Uint8Array): void {
  for (let at = 0; at < packed.length; ) {
    const kind = KINDS[packed[at] as number]
    const table = TABLES[packed[at + 1] as number]
    assert(kind !== undefined && table !== undefined, 'a packed row has a kind and a table')
    const keyFrom = at + HEAD_BYTES
    const keyTo = keyFrom + u16(packed, at + 2)
    at = keyTo + u16(packed, at + 4)
    assert(at <= packed.length, 'packed rows are as long as they say')
    const key = packed.subarray(keyFrom, keyTo)
    const value = packed.subarray(keyTo, at)
    if (kind === 'append') tx.append(table, key, value)
    else if (kind === 'place') addPlace(tx, key, value)
    else if (kind === 'insert') tx.insert(table, key, value)
    else tx.put(table, key, value)
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

/** Latest values of one table. Grows, and may be used again. */
export class ValuePacker {
  #bytes = new Uint8Array(FIRST_BYTES)
  #length = 0

  add(key: Uint8Array, value: Uint8Array): void {
    assert(value.length < 256, 'the length of a value of the state is one byte')
    let at = this.#length
    const end = at + key.length + 1 + value.length
    if (end > this.#bytes.length) this.#bytes = larger(this.#bytes, end)
    for (let i = 0; i < key.length; i++) this.#bytes[at++] = key[i] as number
    this.#bytes[at++] = value.length
    for (let i = 0; i < value.length; i++) this.#bytes[at++] = value[i] as number
    this.#length = end
  }

  /** What was packed, in an array of its own. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
  /** Begins anew. */
  clear(): void {
    this.#length = 0
  }
}

function copy(from: Uint8Array, to: Uint8Array, at: number): void {
  if (from.length > LOOP_BYTES_MAX) to.set(from, at)
  else for (let i = 0; i < from.length; i++) to[at + i] = from[i] as number
}
