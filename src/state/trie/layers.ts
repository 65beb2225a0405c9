/**
 * What the trie was before each block, as the block's own rows of `trieChanges`: they are written one after the other, and dropping a block is
 * dropping them. A row is `kind 1 ‖ entries` under `block 4 ‖ key of its last entry`, the entries by ascending keys of the trie's rows; so one
 * search finds what a block says of a row. An entry is `length 1 ‖ key ‖ changed references 2 ‖ those that were there 2 ‖ what they were`.
 *
 * A reader passes block after block, and an archive has very many. Where history is kept for long, references of old blocks therefore move to
 * `trieHistory`, one row each, which `stretches.ts` moves on: what is left here says which they are, so that they can be dropped.
 */
import { type Reference, referenceBytes } from '#chain/trie/reference.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes, concatBytes } from '#kernel/bytes.ts'
import type { ReadTx, Row, WriteTx } from '#ports/storage/key-value.ts'
import { getU32, u32 } from '#state/codec/bytes.ts'
import { PART_BYTES } from '#state/parts.ts'

/** Kinds of rows: with what the references were, or with that in `trieHistory`. */
export const WHOLE = 0
export const KEYED = 1

const MASKS_BYTES = 4
const FIRST_CAPACITY = 65_536

export interface Entry {
  /** Of the trie's row. */
  readonly key: Uint8Array
  /** Bits of the references that changed; of a root's row 1. */
  readonly nibbles: number
  /** By ascending nibbles; undefined where there was none. */
  readonly before: readonly (Reference | undefined)[]
}

/** Gathers the entries of one block. */
export class LayerWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY)
  #length = 0
  /** Where each entry begins. */
  readonly #starts: number[] = []
  /** False once a row has changed that is before the last, or the same: a storage was removed, perhaps made anew. */
  #isSorted = true

  changed(key: Uint8Array, nibbles: number, before: Entry['before']): void {
    const start = this.#length
    if (this.#starts.length > 0 && this.#isSorted)
      this.#isSorted = compareBytes(this.#keyAt(this.#starts.at(-1) as number), key) < 0
    let length = 1 + key.length + MASKS_BYTES
    for (const reference of before) length += reference?.length ?? 0
    while (start + length > this.#bytes.length) this.#grow()
    this.#starts.push(start)
    writeEntry(this.#bytes, start, { key, nibbles, before })
    this.#length = start + length
  }

  write(tx: WriteTx, block: number): void {
    if (!this.#isSorted) return writeRows(tx, block, merged(this.#entries()))
    writeRows(
      tx,
      block,
      this.#starts.map((start, i) => this.#bytes.subarray(start, this.#starts[i + 1] ?? this.#length)),
    )
  }

  #keyAt(start: number): Uint8Array {
    return this.#bytes.subarray(start + 1, start + 1 + (this.#bytes[start] as number))
  }

  #entries(): Entry[] {
    return this.#starts.map((start) => readEntry(this.#bytes, start, WHOLE).entry)
  }

  #grow(): void {
    const larger = new Uint8Array(2 * this.#bytes.length)
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** Of several entries of one row what the first says of each reference is what it was before the block. */
function merged(entries: readonly Entry[]): Uint8Array[] {
  const sorted = entries.toSorted((a, b) => compareBytes(a.key, b.key)) // stable: the first stays the first
  const out: Uint8Array[] = []
  for (let from = 0; from < sorted.length; ) {
    const { key } = sorted[from] as Entry
    const before = new Array<Reference | undefined>(16).fill(undefined)
    let nibbles = 0
    for (; from < sorted.length && compareBytes((sorted[from] as Entry).key, key) === 0; from++)
      for (const [nibble, reference] of referencesOf(sorted[from] as Entry)) {
        if ((nibbles & (1 << nibble)) === 0) before[nibble] = reference
        nibbles |= 1 << nibble
      }
    out.push(encodeEntry({ key, nibbles, before: before.filter((_, i) => nibbles & (1 << i)) }))
  }
  return out
}

export function encodeEntry(entry: Entry): Uint8Array {
  const out = new Uint8Array(
    entry.before.reduce((sum, each) => sum + (each?.length ?? 0), 1 + entry.key.length + MASKS_BYTES),
  )
  writeEntry(out, 0, entry)
  return out
}

function writeEntry(out: Uint8Array, start: number, { key, nibbles, before }: Entry): void {
  let at = start
  out[at++] = key.length
  // A loop: keys are short, and `set` costs more.
  for (let i = 0; i < key.length; i++) out[at++] = key[i] as number
  const masksAt = at
  at += MASKS_BYTES
  let there = 0
  let next = 0
  for (let nibble = 0; nibble < 16; nibble++) {
    if ((nibbles & (1 << nibble)) === 0) continue
    const reference = before[next++]
    if (reference === undefined) continue
    there |= 1 << nibble
    for (let i = 0; i < reference.length; i++) out[at++] = reference[i] as number
  }
  out[masksAt] = nibbles >> 8
  out[masksAt + 1] = nibbles
  out[masksAt + 2] = there >> 8
  out[masksAt + 3] = there
}

/** @param entries encoded, by ascending keys */
function writeRows(tx: WriteTx, block: number, entries: readonly Uint8Array[]): void {
  const row = new Uint8Array(PART_BYTES)
  row[0] = WHOLE
  let length = 1
  let last: Uint8Array | undefined
  const end = (): void => {
    if (last !== undefined) tx.append('trieChanges', rowKey(block, keyOf(last)), row.subarray(0, length))
    length = 1
  }
  for (const entry of entries) {
    if (length + entry.length > PART_BYTES) end()
    assert(length + entry.length <= PART_BYTES, 'what a block changed of one branch fits a row')
    row.set(entry, length)
    length += entry.length
    last = entry
  }
  end()
}

function keyOf(entry: Uint8Array): Uint8Array {
  return entry.subarray(1, 1 + (entry[0] as number))
}

function rowKey(block: number, key: Uint8Array): Uint8Array {
  return concatBytes(u32(block), key)
}

/** The references that an entry names and what each was, by ascending nibbles. */
export function referencesOf({ nibbles, before }: Entry): [nibble: number, before: Reference | undefined][] {
  const out: [number, Reference | undefined][] = []
  for (let nibble = 0; nibble < 16; nibble++)
    if (nibbles & (1 << nibble)) out.push([nibble, before[out.length]])
  return out
}

function readEntry(bytes: Uint8Array, start: number, kind: number): { entry: Entry; end: number } {
  const keyEnd = start + 1 + (bytes[start] as number)
  const mask = (at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  const nibbles = mask(keyEnd)
  const there = mask(keyEnd + 2)
  let at = keyEnd + MASKS_BYTES
  const before: (Reference | undefined)[] = []
  for (let nibble = 0; kind === WHOLE && nibble < 16; nibble++) {
    if ((nibbles & (1 << nibble)) === 0) continue
    const from = at
    if (there & (1 << nibble)) at += referenceBytes(bytes, at)
    before.push(at === from ? undefined : bytes.slice(from, at))
  }
  assert(at <= bytes.length, 'a row of changes holds whole entries')
  return { entry: { key: bytes.slice(start + 1, keyEnd), nibbles, before }, end: at }
}

export interface LayerRow {
  readonly key: Uint8Array
  readonly block: number
  readonly kind: number
  /** Of a keyed row without what was before. */
  readonly entries: readonly Entry[]
}

/** The first row at or after block `from`, copied. */
export function firstLayerRow(tx: Pick<ReadTx, 'seek'>, from: number): LayerRow | undefined {
  return copied(tx.seek('trieChanges', u32(from)))
}

export function layerRowAfter(tx: Pick<ReadTx, 'seek'>, key: Uint8Array): LayerRow | undefined {
  return copied(tx.seek('trieChanges', concatBytes(key, Uint8Array.of(0))))
}

function copied(row: Row | undefined): LayerRow | undefined {
  return row && { key: row.key.slice(), block: getU32(row.key, 0), ...readLayerRow(row.value) }
}

export function readLayerRow(value: Uint8Array): Pick<LayerRow, 'kind' | 'entries'> {
  const kind = value[0] as number
  assert(kind === WHOLE || kind === KEYED, 'a row of changes is whole or keyed')
  const entries: Entry[] = []
  for (let at = 1; at < value.length; ) {
    const { entry, end } = readEntry(value, at, kind)
    entries.push(entry)
    at = end
  }
  return { kind, entries }
}

/** Of the block's references only which they are. */
export function putKeyedRow(tx: WriteTx, { key, entries }: LayerRow): void {
  const names = entries.map((entry) => encodeEntry({ ...entry, before: [] }))
  tx.put('trieChanges', key, concatBytes(Uint8Array.of(KEYED), ...names))
}

/** What a block says of the trie's row of a key; undefined where it did not change it. */
export function findEntry(
  tx: Pick<ReadTx, 'seek'>,
  block: number,
  key: Uint8Array,
): { readonly kind: number; readonly entry: Entry } | undefined {
  const row = tx.seek('trieChanges', rowKey(block, key))
  if (row === undefined || getU32(row.key, 0) !== block) return undefined
  const { value } = row
  const kind = value[0] as number
  for (let at = 1; at < value.length; ) {
    if (isKeyAt(value, at, key)) return { kind, entry: readEntry(value, at, kind).entry }
    at = readEntry(value, at, kind).end
  }
  return undefined
}

function isKeyAt(bytes: Uint8Array, at: number, key: Uint8Array): boolean {
  if (bytes[at] !== key.length) return false
  for (let i = 0; i < key.length; i++) if (bytes[at + 1 + i] !== key[i]) return false
  return true
}
