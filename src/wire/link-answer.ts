/**
 * Answers on the link. An answer is encoded whole and travels in pieces, so that a big one does not delay the light ones behind it on
 * the same stream: the sender puts one piece of each waiting answer at a time, the receiver collects them by request id.
 */
import type { BlockRef } from '#chain/block-ref.ts'
import { concatBytes, type Parts } from '#kernel/bytes.ts'
import { BlockMemo, LinkReader, LinkWriter, malformed } from './link-bytes.ts'

/** Bytes of one piece: 64 KiB with its envelope. */
export const PIECE_BYTES_MAX = 64 * 1024 - 16
/** Bytes of one answer: geth's 25 MB for a batch, with room for escapes. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024
/** What is longer stays bytes: nobody between here and the user reads it. */
const TEXT_BYTES_MAX = 1_024
/** Unfinished answers of one link together. */
export const COLLECTED_BYTES_MAX = 64 * 1024 * 1024

/** The shape of `Answer` in rpc/answer.ts, which this layer may not name. */
export interface LinkAnswer {
  readonly batch: boolean
  readonly items: readonly LinkItem[]
  readonly block?: BlockRef
  readonly verifiedNumber?: number
}

export type LinkItem =
  | { readonly kind: 'answered'; readonly json: string }
  | { readonly kind: 'encoded'; readonly parts: Parts }
  | { readonly kind: 'silent' }
  | { readonly kind: 'forward'; readonly request: string; readonly otherwise: string }
  | { readonly kind: 'retry'; readonly json: string }

const KINDS = ['answered', 'silent', 'forward', 'retry'] as const

export function encodeAnswer(answer: LinkAnswer, memo?: BlockMemo): Uint8Array {
  const out = new LinkWriter()
  out.u8(answer.batch ? 1 : 0)
  out.u8(answer.block === undefined ? 0 : 1)
  if (answer.block !== undefined) out.block(answer.block, memo)
  out.optionalU64(answer.verifiedNumber)
  out.u32(answer.items.length)
  for (const item of answer.items) {
    // Long or short, on the wire an answer is its bytes.
    out.u8(KINDS.indexOf(item.kind === 'encoded' ? 'answered' : item.kind))
    if (item.kind === 'encoded') out.sizedParts(item.parts)
    else if (item.kind === 'forward') out.text(item.request).text(item.otherwise)
    else if (item.kind !== 'silent') out.text(item.json)
  }
  return out.done()
}

/** @throws Fault wire/link */
export function decodeAnswer(bytes: Uint8Array, memo?: BlockMemo): LinkAnswer {
  const reader = new LinkReader(bytes)
  const head = readHead(reader, memo)
  const count = reader.u32()
  if (count > reader.remaining()) throw malformed('more items than bytes')
  const items: LinkItem[] = []
  for (let i = 0; i < count; i++) items.push(decodeItem(reader))
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

function decodeItem(reader: LinkReader): LinkItem {
  const kind = reader.oneOf(KINDS)
  if (kind === 'silent') return { kind }
  if (kind === 'forward') return { kind, request: reader.text(), otherwise: reader.text() }
  if (kind === 'answered' && reader.nextLength() > TEXT_BYTES_MAX)
    return { kind: 'encoded', parts: [reader.sized()] }
  return { kind, json: reader.text() }
}

export interface Piece {
  readonly id: number
  readonly last: boolean
  readonly bytes: Uint8Array
}

/** The pieces of request `id`'s answer, in order; at least one. */
export function* piecesOf(id: number, answer: Uint8Array): Generator<Piece> {
  for (let at = 0; at === 0 || at < answer.length; at += PIECE_BYTES_MAX) {
    const end = Math.min(answer.length, at + PIECE_BYTES_MAX)
    yield { id, last: end === answer.length, bytes: answer.subarray(at, end) }
  }
}

/** Puts the pieces of one stream together again. */
export interface AnswerCollector {
  /** The answer when `piece` completes it. @throws Fault wire/link where an answer, or all unfinished ones, are too large */
  add(piece: Piece): LinkAnswer | undefined
  /** Forgets what has come for a request that nobody waits for any more. */
  drop(id: number): void
}

export function createAnswerCollector(): AnswerCollector {
  const memo = new BlockMemo()
  const unfinished = new Map<number, { parts: Uint8Array[]; length: number }>()
  let collectedBytes = 0
  const drop = (id: number): void => {
    collectedBytes -= unfinished.get(id)?.length ?? 0
    unfinished.delete(id)
  }
  return {
    drop,
    add({ id, last, bytes }) {
      const before = unfinished.get(id)
      if (last && before === undefined) return decodeAnswer(bytes, memo)
      const { parts, length } = before ?? { parts: [], length: 0 }
      if (length + bytes.length > ANSWER_BYTES_MAX) throw malformed('an answer above its limit')
      if (collectedBytes + bytes.length > COLLECTED_BYTES_MAX)
        throw malformed('more unfinished answers than fit')
      // A large piece fills what it came in; a small one would keep it from being given back.
      parts.push(bytes.length > PIECE_BYTES_MAX / 2 ? bytes : bytes.slice())
      unfinished.set(id, { parts, length: length + bytes.length })
      collectedBytes += bytes.length
      if (!last) return undefined
      drop(id)
      return decodeSingle(parts, length + bytes.length, memo) ?? decodeAnswer(concatBytes(...parts), memo)
    },
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
