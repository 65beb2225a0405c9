/**
 * What stands beside the chain: whole frames that are not canonical (or, of one that failed its checks, the reason), and parts of frames that
 * are not whole. What is new is kept in memory
 * until a commit writes it in the same transaction as the position; so a restart finds exactly what the feed machine counts on. A
 * transaction that fails changes nothing here: it can be tried again.
 */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, fromHex, fromUtf8, utf8 } from '#kernel/bytes.ts'

/** Where rows can be read: a snapshot or a transaction. */
interface SideReader {
  side(key: Uint8Array): Uint8Array | undefined
}
interface SideWriter extends SideReader {
  putSide(key: Uint8Array, bytes: Uint8Array): void
  removeSide(key: Uint8Array): void
}

interface Unfinished {
  readonly parts: Uint8Array[]
  /** How many of them are stored. */
  stored: number
}

export class SideShelf {
  readonly #frames = new Map<BlockHash, Uint8Array>()
  readonly #refused = new Map<BlockHash, string>()
  readonly #unfinished = new Map<string, Unfinished>()
  /** Rows of parts that are stored and done with. */
  #stale: Uint8Array[] = []
  #newBytes = 0

  /** @param beside blocks beside the chain that the stored machine knows
   *  @param unfinished producer → how many parts of its unfinished frame it has seen */
  constructor(reader: SideReader, beside: readonly BlockHash[], unfinished: ReadonlyMap<string, number>) {
    for (const hash of beside) {
      const why = reader.side(refusalKey(hash))
      if (why !== undefined) this.#refused.set(hash, fromUtf8(why))
    }
    for (const [producer, stored] of unfinished) {
      const parts = Array.from({ length: stored }, (_, index) => {
        const bytes = reader.side(partKey(producer, index))
        assert(bytes !== undefined, 'the parts that the machine has seen are stored with it')
        return Uint8Array.from(bytes)
      })
      this.#unfinished.set(producer, { parts, stored })
    }
  }

  keepPart(producer: string, index: number, bytes: Uint8Array): void {
    const unfinished = this.#unfinished.get(producer) ?? { parts: [], stored: 0 }
    assert(unfinished.parts.length === index, 'parts are kept in order')
    unfinished.parts.push(bytes)
    this.#newBytes += bytes.length
    this.#unfinished.set(producer, unfinished)
  }
  dropParts(producer: string): void {
    const { parts, stored } = this.#unfinished.get(producer) ?? { parts: [], stored: 0 }
    for (let index = 0; index < stored; index++) this.#stale.push(partKey(producer, index))
    for (const part of parts.slice(stored)) this.#newBytes -= part.length
    this.#unfinished.delete(producer)
  }
  /** The kept parts of a producer, put together; they are done with. */
  takeParts(producer: string): Uint8Array {
    const parts = this.#unfinished.get(producer)?.parts ?? []
    this.dropParts(producer)
    return parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts)
  }

  putFrame(hash: BlockHash, encoded: Uint8Array): void {
    this.#frames.set(hash, encoded)
    this.#newBytes += encoded.length
  }
  /** In place of a frame that failed its checks. A reason lasts as long as the block stands beside the chain, through restarts. */
  refuse(hash: BlockHash, why: string): void {
    this.#refused.set(hash, why)
  }
  whyRefused(hash: BlockHash): string | undefined {
    return this.#refused.get(hash)
  }
  hasRefused(): boolean {
    return this.#refused.size > 0
  }
  frame(hash: BlockHash, reader: SideReader): Uint8Array | undefined {
    return this.#frames.get(hash) ?? reader.side(fromHex(hash))
  }

  /** The frame of a block that is canonical now: its bytes are not needed again. It is in `gone` of the next commit. */
  forget(hash: BlockHash): void {
    this.#frames.delete(hash)
  }

  /** Bytes that came since the last commit. */
  newBytes(): number {
    return this.#newBytes
  }

  /** Into the transaction, all but the frames in `gone`, which are canonical now or for nobody; call `written` once it is committed. */
  write(writer: SideWriter, gone: ReadonlySet<BlockHash>): void {
    for (const key of this.#stale) writer.removeSide(key)
    for (const [producer, { parts, stored }] of this.#unfinished)
      for (let index = stored; index < parts.length; index++)
        writer.putSide(partKey(producer, index), parts[index] as Uint8Array)
    for (const hash of gone) if (!this.#frames.has(hash)) writer.removeSide(fromHex(hash))
    for (const [hash, bytes] of this.#frames) if (!gone.has(hash)) writer.putSide(fromHex(hash), bytes)
    for (const [hash, why] of this.#refused)
      if (gone.has(hash)) writer.removeSide(refusalKey(hash))
      else writer.putSide(refusalKey(hash), utf8(why))
  }
  written(gone: ReadonlySet<BlockHash>): void {
    for (const hash of gone) this.#refused.delete(hash)
    this.#stale = []
    this.#newBytes = 0
    this.#frames.clear()
    for (const unfinished of this.#unfinished.values()) unfinished.stored = unfinished.parts.length
  }
}

function refusalKey(hash: BlockHash): Uint8Array {
  return concatBytes(fromHex(hash), utf8('!'))
}

const PRODUCER_BYTES = 16

/** 18 bytes: no hash of a block is that short, and a producer's id may be longer than a key. */
function partKey(producer: string, index: number): Uint8Array {
  return concatBytes(keccak256(utf8(producer)).subarray(0, PRODUCER_BYTES), Uint8Array.of(index >> 8, index))
}
