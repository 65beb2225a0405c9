/**
 * What stands beside the chain: whole frames that are not canonical, and parts of frames that are not whole. Changes are kept in memory
 * until the next commit writes them in the same transaction as the position; so a restart finds exactly what the feed machine counts on.
 */
import type { BlockHash } from '#chain/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, fromHex, utf8 } from '#kernel/bytes.ts'

/** Where rows can be read: a snapshot or a transaction. */
interface SideReader {
  side(key: Uint8Array): Uint8Array | undefined
}
interface SideWriter extends SideReader {
  putSide(key: Uint8Array, bytes: Uint8Array): void
  removeSide(key: Uint8Array): void
}

export class SideShelf {
  /** Key text → bytes, or undefined for removed; not yet written. */
  readonly #changes = new Map<string, { readonly key: Uint8Array; readonly bytes: Uint8Array | undefined }>()
  readonly #parts = new Map<string, Uint8Array[]>()

  /** @param unfinished producer → how many parts of its unfinished frame the stored machine has seen */
  constructor(reader: SideReader, unfinished: ReadonlyMap<string, number>) {
    for (const [producer, received] of unfinished) {
      const parts = Array.from({ length: received }, (_, index) => {
        const bytes = reader.side(partKey(producer, index))
        assert(bytes !== undefined, 'the parts that the machine has seen are stored with it')
        return Uint8Array.from(bytes)
      })
      this.#parts.set(producer, parts)
    }
  }

  keepPart(producer: string, index: number, bytes: Uint8Array): void {
    const parts = this.#parts.get(producer) ?? []
    parts[index] = bytes
    this.#parts.set(producer, parts)
    this.#set(`p${producer}/${index}`, partKey(producer, index), bytes)
  }
  dropParts(producer: string): void {
    const parts = this.#parts.get(producer) ?? []
    for (let index = 0; index < parts.length; index++)
      this.#set(`p${producer}/${index}`, partKey(producer, index), undefined)
    this.#parts.delete(producer)
  }
  /** The kept parts of a producer, put together; they are done with. */
  takeParts(producer: string): Uint8Array {
    const bytes = concatBytes(...(this.#parts.get(producer) ?? []))
    this.dropParts(producer)
    return bytes
  }

  putFrame(hash: BlockHash, encoded: Uint8Array): void {
    this.#set(hash, fromHex(hash), encoded)
  }
  removeFrame(hash: BlockHash): void {
    this.#set(hash, fromHex(hash), undefined)
  }
  frame(hash: BlockHash, reader: SideReader): Uint8Array | undefined {
    const change = this.#changes.get(hash)
    return change === undefined ? reader.side(fromHex(hash)) : change.bytes
  }

  isDirty(): boolean {
    return this.#changes.size > 0
  }
  /** Into the transaction; call `written` once it is committed. */
  write(writer: SideWriter): void {
    for (const { key, bytes } of this.#changes.values()) {
      if (bytes === undefined) writer.removeSide(key)
      else writer.putSide(key, bytes)
    }
  }
  written(): void {
    this.#changes.clear()
  }

  #set(name: string, key: Uint8Array, bytes: Uint8Array | undefined): void {
    this.#changes.set(name, { key, bytes })
  }
}

/** Begins as no hash does that anybody could find. */
function partKey(producer: string, index: number): Uint8Array {
  return utf8(`part/${index}/${producer}`)
}
