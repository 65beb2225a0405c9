/**
 * KeyValue in memory: each table is a list of small sorted chunks that are never changed once committed, so a snapshot is a reference.
 * A value that was returned is overwritten at the next call, as LMDB's shared buffer is, so that who keeps one too long is found by a test.
 */
import { assert } from '#kernel/assert.ts'
import { compareBytes } from '#kernel/bytes.ts'
import type { KeyValue, ReadTx, Row, Table, WriteTx } from '#ports/storage/key-value.ts'
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '#ports/storage/key-value.ts'

const CHUNK_ROWS_MAX = 64
const POISON = 0xee

type Chunk = readonly Row[]
type Tables = ReadonlyMap<Table, readonly Chunk[]>

export function memoryKeyValue(): KeyValue {
  let committed: Tables = new Map()
  let writing = false
  let closed = false
  return {
    read() {
      assert(!closed, 'a closed store is not read')
      return new MemoryRead(committed)
    },
    write(change) {
      assert(!closed && !writing, 'one write transaction at a time, on an open store')
      writing = true
      try {
        const tx = new MemoryWrite(committed)
        const result = change(tx)
        committed = tx.tables
        tx.end()
        return result
      } finally {
        writing = false
      }
    },
    bytes(table) {
      let bytes = 0
      for (const chunk of committed.get(table) ?? [])
        for (const { key, value } of chunk) bytes += key.length + value.length
      return bytes
    },
    close() {
      closed = true
      return Promise.resolve()
    },
  }
}

class MemoryRead implements ReadTx {
  tables: Tables
  readonly #at = new Map<Table, Uint8Array>()
  #lent: Uint8Array[] = []
  #ended = false

  constructor(tables: Tables) {
    this.tables = tables
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    this.called(key)
    const row = firstAtOrAfter(this.chunks(table), key)
    return row !== undefined && compareBytes(row.key, key) === 0 ? this.#lend(row.value) : undefined
  }

  seek(table: Table, key: Uint8Array): Row | undefined {
    this.called(key)
    return this.#give(table, firstAtOrAfter(this.chunks(table), key))
  }

  seekBefore(table: Table, key: Uint8Array): Row | undefined {
    this.called(key)
    const row = lastBefore(this.chunks(table), key)
    return row && { key: this.#lend(row.key), value: this.#lend(row.value) }
  }

  next(table: Table): Row | undefined {
    this.called()
    const at = this.#at.get(table)
    return at && this.#give(table, firstAtOrAfter(this.chunks(table), after(at)))
  }

  release(): void {
    this.called()
    this.end()
  }

  end(): void {
    this.#ended = true
  }

  chunks(table: Table): readonly Chunk[] {
    return this.tables.get(table) ?? []
  }

  /** Takes back what the call before lent. */
  called(key?: Uint8Array): void {
    assert(!this.#ended, 'a transaction that has ended is not used')
    assert(key === undefined || (key.length > 0 && key.length <= KEY_BYTES_MAX), 'a key has 1 to 480 bytes')
    for (const bytes of this.#lent) bytes.fill(POISON)
    this.#lent = []
  }

  #give(table: Table, row: Row | undefined): Row | undefined {
    if (row === undefined) {
      this.#at.delete(table)
      return undefined
    }
    this.#at.set(table, row.key)
    return { key: this.#lend(row.key), value: this.#lend(row.value) }
  }

  #lend(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice()
    this.#lent.push(copy)
    return copy
  }
}

class MemoryWrite extends MemoryRead implements WriteTx {
  readonly #own = new Set<Chunk>()
  readonly #ownTables = new Map<Table, Chunk[]>()

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    assert(value.length <= VALUE_BYTES_MAX, 'a value has at most 1.9 KB')
    const row = { key: key.slice(), value: value.slice() } // before the lent bytes are taken back: they may be the arguments
    this.called(row.key)
    const { chunk, index, at } = this.#openChunk(table, row.key)
    const found = compareBytes(chunk[at]?.key ?? new Uint8Array(), row.key) === 0
    chunk.splice(at, found ? 1 : 0, row)
    if (chunk.length > CHUNK_ROWS_MAX) {
      const upper = chunk.splice(CHUNK_ROWS_MAX / 2)
      this.#own.add(upper)
      this.#openTable(table).splice(index + 1, 0, upper)
    }
  }

  append(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.put(table, key, value)
  }

  insert(table: Table, key: Uint8Array, value: Uint8Array): boolean {
    const row = firstAtOrAfter(this.chunks(table), key)
    const isThere = row !== undefined && compareBytes(row.key, key) === 0
    if (isThere) this.called(key)
    else this.put(table, key, value)
    return !isThere
  }

  remove(table: Table, key: Uint8Array): boolean {
    const copy = key.slice()
    this.called(copy)
    const row = firstAtOrAfter(this.chunks(table), copy)
    if (row === undefined || compareBytes(row.key, copy) !== 0) return false
    const { chunk, index, at } = this.#openChunk(table, copy)
    chunk.splice(at, 1)
    if (chunk.length === 0) this.#openTable(table).splice(index, 1)
    return true
  }

  #openTable(table: Table): Chunk[] {
    const own = this.#ownTables.get(table)
    if (own !== undefined) return own
    const copy = this.chunks(table).slice()
    this.#ownTables.set(table, copy)
    this.tables = new Map(this.tables).set(table, copy)
    return copy
  }

  /** The chunk in which `key` belongs, ours to change, and the place in it of the first row at or after `key`. */
  #openChunk(table: Table, key: Uint8Array): { chunk: Row[]; index: number; at: number } {
    const chunks = this.#openTable(table)
    if (chunks.length === 0) {
      const first: Row[] = []
      this.#own.add(first)
      chunks.push(first)
    }
    const index = Math.min(chunkOf(chunks, key), chunks.length - 1)
    let chunk = chunks[index] as Row[]
    if (!this.#own.has(chunk)) {
      chunk = chunk.slice()
      this.#own.add(chunk)
      chunks[index] = chunk
    }
    return { chunk, index, at: placeIn(chunk, key) }
  }
}

/** The first chunk whose last row is at or after `key`; the number of chunks where there is none. */
function chunkOf(chunks: readonly Chunk[], key: Uint8Array): number {
  return lowest(chunks.length, (i) => {
    const last = chunks[i]?.at(-1)
    return last !== undefined && compareBytes(last.key, key) >= 0
  })
}

function placeIn(chunk: Chunk, key: Uint8Array): number {
  return lowest(chunk.length, (i) => compareBytes((chunk[i] as Row).key, key) >= 0)
}

function firstAtOrAfter(chunks: readonly Chunk[], key: Uint8Array): Row | undefined {
  const chunk = chunks[chunkOf(chunks, key)]
  return chunk?.[placeIn(chunk, key)]
}

function lastBefore(chunks: readonly Chunk[], key: Uint8Array): Row | undefined {
  const index = chunkOf(chunks, key)
  const chunk = chunks[index]
  const at = chunk === undefined ? 0 : placeIn(chunk, key)
  return at > 0 ? chunk?.[at - 1] : chunks[index - 1]?.at(-1)
}

/** The lowest i in 0..count for which `holds`, which holds from some point on. */
function lowest(count: number, holds: (i: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** The key right after `key` in the order of bytes. */
function after(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length + 1)
  out.set(key)
  return out
}
