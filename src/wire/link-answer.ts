/**
 * Answers on the link. An answer travels in pieces, so that a big one does not delay the light ones behind it on the same stream: the
 * sender puts one piece of each waiting answer at a time, the receiver collects them by request id. Neither copies what is long together:
 * pieces are views of what was encoded, and what has come lies in chunks that are used again.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { concatBytes, type Parts, utf8 } from '#kernel/bytes.ts'
import type { Chunks } from '#kernel/chunks.ts'
import { BlockMemo, LinkReader, LinkWriter, malformed } from './link-bytes.ts'

/** Bytes of one piece: 64 KiB with its envelope. */
export const PIECE_BYTES_MAX = 64 * 1024 - 16
/** Bytes of one answer: geth's 25 MB for a batch, with room for escapes. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024
/** What is longer stays bytes: nobody between here and the user reads it. */
const TEXT_BYTES_MAX = 1_024
/** Unfinished answers of one link together. */
export const COLLECTED_BYTES_MAX = 64 * 1024 * 1024
/** Parts up to this are copied to what stands before them. */
const COPIED_BYTES_MAX = 4_096
/** Of the chunks that answers are collected in: two hold a piece. */
export const CHUNK_BYTES = PIECE_BYTES_MAX / 2

/** The shape of `Answer` in rpc/answer.ts, which this layer may not name. */
export interface LinkAnswer {
  readonly batch: boolean
  readonly items: readonly LinkItem[]
  readonly block?: BlockRef
  readonly verifiedNumber?: number
  /** Gives back the chunks in which encoded items lie, once nobody reads them any more. Whoever does not call it leaves them to the collector. */
  readonly free?: () => void
}

export type LinkItem =
  | { readonly kind: 'answered'; readonly json: string }
  | { readonly kind: 'encoded'; readonly parts: Parts }
  | { readonly kind: 'silent' }
  | { readonly kind: 'forward'; readonly request: string; readonly otherwise: string }
  | { readonly kind: 'retry'; readonly json: string }

const KINDS = ['answered', 'silent', 'forward', 'retry'] as const

/** In a row, the answer's bytes; those of long encoded items are not copied. */
export function encodeAnswer(answer: LinkAnswer, memo?: BlockMemo): Uint8Array[] {
  const done: Uint8Array[] = []
  let out = new LinkWriter()
  out.u8(answer.batch ? 1 : 0)
  out.u8(answer.block === undefined ? 0 : 1)
  if (answer.block !== undefined) out.block(answer.block, memo)
  out.optionalU64(answer.verifiedNumber)
  out.u32(answer.items.length)
  for (const item of answer.items) {
    // Long or short, on the wire an answer is its bytes.
    out.u8(KINDS.indexOf(item.kind === 'encoded' ? 'answered' : item.kind))
    if (item.kind === 'forward') out.text(item.request).text(item.otherwise)
    else if (item.kind === 'encoded') {
      const parts = item.parts.map((part) => (typeof part === 'string' ? utf8(part) : part))
      out.u32(parts.reduce((sum, { length }) => sum + length, 0))
      for (const part of parts) {
        if (part.length <= COPIED_BYTES_MAX) {
          out.raw(part)
          continue
        }
        done.push(out.done(), part)
        out = new LinkWriter()
      }
    } else if (item.kind !== 'silent') out.text(item.json)
  }
  done.push(out.done())
  return done
}

/** @param keep copies of an encoded item's bytes, where `bytes` are lent. @throws Fault wire/link */
function decodeAnswer(bytes: Uint8Array, memo: BlockMemo, keep?: (bytes: Uint8Array) => Parts): LinkAnswer {
  const reader = new LinkReader(bytes)
  const head = readHead(reader, memo)
  const count = reader.u32()
  if (count > reader.remaining()) throw malformed('more items than bytes')
  const items: LinkItem[] = []
  for (let i = 0; i < count; i++) items.push(decodeItem(reader, keep))
  reader.end()
  return { ...head, items }
}

function readHead(reader: LinkReader, memo: BlockMemo | undefined): Omit<LinkAnswer, 'items'> {
  const batch = reader.flag()
  const block = reader.flag() ? reader.block(memo) : undefined
  const verifiedNumber = reader.optionalU64()
  return {
    batch,
    ...(block !== undefined && { block }),
    ...(verifiedNumber !== undefined && { verifiedNumber }),
  }
}

function decodeItem(reader: LinkReader, keep = asItIs): LinkItem {
  const kind = reader.oneOf(KINDS)
  if (kind === 'silent') return { kind }
  if (kind === 'forward') return { kind, request: reader.text(), otherwise: reader.text() }
  if (kind === 'answered' && reader.nextLength() > TEXT_BYTES_MAX)
    return { kind: 'encoded', parts: keep(reader.sized()) }
  return { kind, json: reader.text() }
}
const asItIs = (bytes: Uint8Array): Parts => [bytes]

/** A piece as it is read. */
export interface Piece {
  readonly id: number
  readonly last: boolean
  readonly bytes: Uint8Array
}

/** A piece to be sent: views of the answer's parts. */
export interface PieceParts {
  readonly last: boolean
  readonly parts: readonly Uint8Array[]
}

/** The pieces of an answer, in order; at least one. */
export function* piecesOf(answer: readonly Uint8Array[]): Generator<PieceParts> {
  let parts: Uint8Array[] = []
  let room = PIECE_BYTES_MAX
  for (const whole of answer)
    for (let at = 0; at < whole.length; ) {
      if (room === 0) {
        yield { last: false, parts }
        parts = []
        room = PIECE_BYTES_MAX
      }
      const to = Math.min(whole.length, at + room)
      parts.push(whole.subarray(at, to))
      room -= to - at
      at = to
    }
  yield { last: true, parts }
}

/** Puts the pieces of one stream together again. */
export interface AnswerCollector {
  /**
   * The answer when `piece`, whose bytes are copied where they are kept, completes it.
   * @throws Fault wire/link where an answer, or all unfinished ones, are too large
   */
  add(piece: Piece): LinkAnswer | undefined
  /** Forgets what has come for a request that nobody waits for any more. */
  drop(id: number): void
}

/** @param chunks of CHUNK_BYTES; several collectors may have them together */
export function createAnswerCollector(chunks: Chunks): AnswerCollector {
  const memo = new BlockMemo()
  const unfinished = new Map<number, Kept>()
  let collectedBytes = 0
  const drop = (id: number): void => {
    const kept = unfinished.get(id)
    if (kept === undefined) return
    forget(id, kept)
    kept.free()
  }
  /** Where the long items of an answer in one piece lie. */
  let short: Kept | undefined
  const keep = (item: Uint8Array): Parts => (short ??= new Kept(chunks)).add(item)
  const decodeShort = (bytes: Uint8Array): LinkAnswer => {
    const answer = decodeAnswer(bytes, memo, keep)
    if (short === undefined) return answer
    const kept = short
    short = undefined
    return freeing(answer, kept)
  }
  const forget = (id: number, kept: Kept): void => {
    collectedBytes -= kept.length
    unfinished.delete(id)
  }
  return {
    drop,
    add({ id, last, bytes }) {
      const before = unfinished.get(id)
      if (last && before === undefined) return decodeShort(bytes)
      const kept = before ?? new Kept(chunks)
      if (kept.length + bytes.length > ANSWER_BYTES_MAX) throw malformed('an answer above its limit')
      if (collectedBytes + bytes.length > COLLECTED_BYTES_MAX)
        throw malformed('more unfinished answers than fit')
      if (before === undefined) unfinished.set(id, kept)
      kept.add(bytes)
      collectedBytes += bytes.length
      if (!last) return undefined
      forget(id, kept)
      const single = decodeSingle(kept.parts, kept.length, memo)
      if (single !== undefined) return freeing(single, kept)
      const whole = concatBytes(...kept.parts)
      kept.free()
      return decodeAnswer(whole, memo)
    },
  }
}

function freeing(answer: LinkAnswer, kept: Kept): LinkAnswer {
  return { ...answer, free: () => kept.free() }
}

/** Bytes of one answer, copied from what was lent. */
class Kept {
  readonly parts: Uint8Array[] = []
  length = 0
  readonly #chunks: Chunks
  #taken: Uint8Array[] = []

  constructor(chunks: Chunks) {
    this.#chunks = chunks
  }

  /** The parts that hold them now. */
  add(bytes: Uint8Array): Uint8Array[] {
    const from = this.parts.length
    const { bytesEach } = this.#chunks
    for (let at = 0; at < bytes.length; at += bytesEach)
      this.parts.push(this.#copy(bytes.subarray(at, at + bytesEach)))
    this.length += bytes.length
    return this.parts.slice(from)
  }

  free(): void {
    const taken = this.#taken
    this.#taken = []
    for (const chunk of taken) this.#chunks.give(chunk)
  }

  /** What fills less than half of a chunk would keep the rest of it from others. */
  #copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length < this.#chunks.bytesEach / 2) return bytes.slice()
    const chunk = this.#chunks.take()
    this.#taken.push(chunk)
    chunk.set(bytes)
    return bytes.length === chunk.length ? chunk : chunk.subarray(0, bytes.length)
  }
}

/** One long item, which nobody needs in one piece; undefined for any other answer. */
function decodeSingle(
  [first, ...others]: readonly Uint8Array[],
  length: number,
  memo: BlockMemo,
): LinkAnswer | undefined {
  if (first === undefined) return undefined
  const reader = new LinkReader(first)
  const head = readHead(reader, memo)
  if (reader.u32() !== 1 || reader.oneOf(KINDS) !== 'answered') return undefined
  const itemBytes = reader.u32()
  const at = reader.at()
  if (itemBytes !== length - at) return undefined
  return { ...head, items: [{ kind: 'encoded', parts: [first.subarray(at), ...others] }] }
}
