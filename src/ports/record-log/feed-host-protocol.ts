/**
 * What a feed host and its clients say to each other: whole messages, one byte of kind, an id that pairs answers with requests, big-endian
 * integers. A tail is pushed with a window: the host sends at most so many bytes that the client has not acknowledged.
 */
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { LogBounds, LogRecord, LogSegment } from './record-log.ts'

export const FEED_HOST_VERSION = 1
/** Bytes of a tail on their way: a slow reader is fed from disk, never from memory. */
export const TAIL_WINDOW_BYTES = 4 * 1024 * 1024

/** Of a segment in an answer. */
const SEGMENT_BYTES = 32

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
  const w = new Bytes(TO_HOST.indexOf(message.kind), message.id)
  switch (message.kind) {
    case 'hello':
      return w.u32(message.version).done()
    case 'append':
      w.u32(message.records.length)
      for (const record of message.records) w.sized(record)
      return w.done()
    case 'read':
      return w.u64(message.from).u32(message.maxBytes).done()
    case 'tail':
      return w.u64(message.from).done()
    case 'acknowledge':
      return w.u32(message.bytes).done()
    case 'trim':
      return w.u64(message.before).done()
    case 'bounds':
    case 'stopTail':
    case 'segments':
      return w.done()
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
  const w = new Bytes(FROM_HOST.indexOf(message.kind), message.id)
  switch (message.kind) {
    case 'welcome':
      return w.u32(message.version).sized(utf8(message.identity)).done()
    case 'appended':
      w.u32(message.positions.length)
      for (const position of message.positions) w.u64(position)
      return w.done()
    case 'records':
      w.u32(message.records.length)
      for (const { position, bytes } of message.records) w.u64(position).sized(bytes)
      return w.done()
    case 'bounds':
      return w.u64(message.first).u64(message.next).done()
    case 'segments':
      w.u32(message.segments.length)
      for (const { first, next, bytes, begunMs } of message.segments)
        w.u64(first)
          .u64(next)
          .u64(bytes)
          .u64(begunMs ?? 0)
      return w.done()
    case 'failed':
      return w.sized(utf8(message.code)).sized(utf8(message.message)).done()
  }
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

class Bytes {
  readonly #parts: Uint8Array[] = []
  #length = 0

  constructor(kind: number, id: number) {
    this.#add(Uint8Array.of(kind))
    this.u32(id)
  }
  u32(value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value)
    return this.#add(bytes)
  }
  u64(value: number): this {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
    return this.#add(bytes)
  }
  sized(bytes: Uint8Array): this {
    return this.u32(bytes.length).#add(bytes)
  }
  done(): Uint8Array {
    const out = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }
  #add(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    this.#length += bytes.length
    return this
  }
}

class Parse {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8)))
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
