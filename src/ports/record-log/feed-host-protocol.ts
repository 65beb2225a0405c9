/**
 * What a feed host and its clients say to each other: whole messages, one byte of kind, an id that pairs answers with requests, big-endian
 * integers. A tail is pushed with a window: the host sends at most so many bytes that the client has not acknowledged.
 */
import { assert } from '#kernel/assert.ts'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { LogBounds, LogRecord, LogSegment } from './record-log.ts'

export const FEED_HOST_VERSION = 1
/** Bytes of a tail on their way: a slow reader is fed from disk, never from memory. */
export const TAIL_WINDOW_BYTES = 4 * 1024 * 1024

/** Kind and id. */
const HEAD_BYTES = 5
/** Of a segment in an answer. */
const SEGMENT_BYTES = 32
const TWO_TO_32 = 4_294_967_296

export type ToHost =
  | { readonly kind: 'hello'; readonly id: number; readonly version: number }
  | { readonly kind: 'append'; readonly id: number; readonly records: readonly Uint8Array[] }
  | { readonly kind: 'read'; readonly id: number; readonly from: number; readonly maxBytes: number }
  | { readonly kind: 'bounds'; readonly id: number }
  | { readonly kind: 'tail'; readonly id: number; readonly from: number }
  | { readonly kind: 'acknowledge'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'stopTail'; readonly id: number }
  | { readonly kind: 'trim'; readonly id: number; readonly before: number }
  | { readonly kind: 'segments'; readonly id: number }

export type FromHost =
  | { readonly kind: 'welcome'; readonly id: number; readonly version: number; readonly identity: string }
  | { readonly kind: 'appended'; readonly id: number; readonly positions: readonly number[] }
  | { readonly kind: 'records'; readonly id: number; readonly records: readonly LogRecord[] }
  | ({ readonly kind: 'bounds'; readonly id: number } & LogBounds)
  | { readonly kind: 'segments'; readonly id: number; readonly segments: readonly LogSegment[] }
  | { readonly kind: 'failed'; readonly id: number; readonly code: string; readonly message: string }

const TO_HOST = [
  'hello',
  'append',
  'read',
  'bounds',
  'tail',
  'acknowledge',
  'stopTail',
  'trim',
  'segments',
] as const
const FROM_HOST = ['welcome', 'appended', 'records', 'bounds', 'failed', 'segments'] as const

export function encodeToHost(message: ToHost): Uint8Array {
  const begin = (bodyBytes: number): Bytes => new Bytes(TO_HOST.indexOf(message.kind), message.id, bodyBytes)
  switch (message.kind) {
    case 'hello':
      return begin(4).u32(message.version).done()
    case 'append': {
      const w = begin(4 + sumOf(message.records, (record) => 4 + record.length)).u32(message.records.length)
      for (const record of message.records) w.sized(record)
      return w.done()
    }
    case 'read':
      return begin(12).u64(message.from).u32(message.maxBytes).done()
    case 'tail':
      return begin(8).u64(message.from).done()
    case 'acknowledge':
      return begin(4).u32(message.bytes).done()
    case 'trim':
      return begin(8).u64(message.before).done()
    case 'bounds':
    case 'stopTail':
    case 'segments':
      return begin(0).done()
  }
}

/** @throws Fault feed/protocol */
export function decodeToHost(bytes: Uint8Array): ToHost {
  const r = new Parse(bytes)
  const kind = TO_HOST[r.u8()]
  const id = r.u32()
  switch (kind) {
    case 'hello':
      return { kind, id, version: r.u32() }
    case 'append':
      return { kind, id, records: Array.from({ length: r.count(4) }, () => r.sized()) }
    case 'read':
      return { kind, id, from: r.u64(), maxBytes: r.u32() }
    case 'tail':
      return { kind, id, from: r.u64() }
    case 'acknowledge':
      return { kind, id, bytes: r.u32() }
    case 'trim':
      return { kind, id, before: r.u64() }
    case 'bounds':
    case 'stopTail':
    case 'segments':
      return { kind, id }
    default:
      throw malformed()
  }
}

export function encodeFromHost(message: FromHost): Uint8Array {
  const begin = (bodyBytes: number): Bytes =>
    new Bytes(FROM_HOST.indexOf(message.kind), message.id, bodyBytes)
  switch (message.kind) {
    case 'welcome': {
      const identity = utf8(message.identity)
      return begin(8 + identity.length)
        .u32(message.version)
        .sized(identity)
        .done()
    }
    case 'appended': {
      const { positions } = message
      const w = begin(4 + 8 * positions.length).u32(positions.length)
      for (const position of positions) w.u64(position)
      return w.done()
    }
    case 'records': {
      const { records } = message
      const w = begin(4 + sumOf(records, ({ bytes }) => 12 + bytes.length)).u32(records.length)
      for (const { position, bytes } of records) w.u64(position).sized(bytes)
      return w.done()
    }
    case 'bounds':
      return begin(16).u64(message.first).u64(message.next).done()
    case 'segments': {
      const { segments } = message
      const w = begin(4 + SEGMENT_BYTES * segments.length).u32(segments.length)
      for (const { first, next, bytes, begunMs } of segments)
        w.u64(first)
          .u64(next)
          .u64(bytes)
          .u64(begunMs ?? 0)
      return w.done()
    }
    case 'failed': {
      const [code, text] = [utf8(message.code), utf8(message.message)]
      return begin(8 + code.length + text.length)
        .sized(code)
        .sized(text)
        .done()
    }
  }
}

function sumOf<T>(items: readonly T[], bytesOf: (item: T) => number): number {
  return items.reduce((sum, item) => sum + bytesOf(item), 0)
}

/** @throws Fault feed/protocol */
export function decodeFromHost(bytes: Uint8Array): FromHost {
  const r = new Parse(bytes)
  const kind = FROM_HOST[r.u8()]
  const id = r.u32()
  switch (kind) {
    case 'welcome':
      return { kind, id, version: r.u32(), identity: fromUtf8(r.sized()) }
    case 'appended':
      return { kind, id, positions: Array.from({ length: r.count(8) }, () => r.u64()) }
    case 'records':
      return {
        kind,
        id,
        records: Array.from({ length: r.count(12) }, () => ({ position: r.u64(), bytes: r.sized() })),
      }
    case 'bounds':
      return { kind, id, first: r.u64(), next: r.u64() }
    case 'segments':
      return { kind, id, segments: Array.from({ length: r.count(SEGMENT_BYTES) }, () => segmentFrom(r)) }
    case 'failed':
      return { kind, id, code: fromUtf8(r.sized()), message: fromUtf8(r.sized()) }
    default:
      throw malformed()
  }
}

function segmentFrom(r: Parse): LogSegment {
  const [first, next, bytes, begunMs] = [r.u64(), r.u64(), r.u64(), r.u64()]
  return { first, next, bytes, begunMs: begunMs === 0 ? undefined : begunMs }
}

function malformed(): Fault<'feed/protocol'> {
  return new Fault(
    'feed/protocol',
    'a message between a feed host and its client is malformed: is something else listening there?',
  )
}

/** Writes a message whose length is known. */
class Bytes {
  readonly #bytes: Uint8Array
  #at = 1

  constructor(kind: number, id: number, bodyBytes: number) {
    this.#bytes = new Uint8Array(HEAD_BYTES + bodyBytes)
    this.#bytes[0] = kind
    this.u32(id)
  }
  u32(value: number): this {
    const bytes = this.#bytes
    bytes[this.#at++] = value >>> 24
    bytes[this.#at++] = value >>> 16
    bytes[this.#at++] = value >>> 8
    bytes[this.#at++] = value
    return this
  }
  /** Of a safe integer. */
  u64(value: number): this {
    return this.u32(Math.floor(value / TWO_TO_32)).u32(value % TWO_TO_32)
  }
  sized(bytes: Uint8Array): this {
    this.u32(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }
  done(): Uint8Array {
    assert(this.#at === this.#bytes.length, 'a message is as long as was said')
    return this.#bytes
  }
}

class Parse {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  u8(): number {
    return this.#bytes[this.#take(1)] as number
  }
  u32(): number {
    const at = this.#take(4)
    const bytes = this.#bytes
    const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16)
    return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  }
  u64(): number {
    return this.u32() * TWO_TO_32 + this.u32()
  }
  /** A number of items of at least `bytesMin` each: never more than could be there. */
  count(bytesMin: number): number {
    const count = this.u32()
    if (count * bytesMin > this.#bytes.length - this.#at) throw malformed()
    return count
  }
  sized(): Uint8Array {
    const length = this.u32()
    const from = this.#take(length)
    return this.#bytes.subarray(from, from + length)
  }
  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length) throw malformed()
    this.#at += length
    return at
  }
}
