/**
 * What a gateway and a replica say to each other over one stream of whole messages: hello in both directions first, then requests with
 * the head at which they are to be answered, answers in pieces, and the replica's status on change and every 100 ms. A message is one
 * byte of kind and a flat little-endian body; every decoder refuses what its encoder would not write.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import type { Piece, PieceParts } from './link-answer.ts'
import { LinkReader, LinkWriter, malformed } from './link-bytes.ts'

/** Changes with every change of these bytes. Another version is refused by name in the handshake. */
export const LINK_VERSION = 3
/** Longest time between two statuses of one replica. */
export const STATUS_EVERY_MS = 100

/** One decided state of the feed: the three tags, and the feed position that decided them. Heads are ordered by it alone. */
export interface LinkHead {
  readonly position: number
  readonly head: BlockRef
  readonly safe: BlockRef
  readonly finalized: BlockRef
}

export type ToReplica =
  | { readonly kind: 'hello'; readonly version: number; readonly gateway: string }
  | LinkRequest
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'askFeedEnd'; readonly nonce: number }

export interface LinkRequest {
  readonly kind: 'request'
  readonly id: number
  /** Answer in the view of exactly this head. */
  readonly head: LinkHead
  /** What is left of the request's time when it is sent. */
  readonly deadlineMs: number
  /** JSON text of one call or of a batch. */
  readonly body: Uint8Array
}

export type ToGateway =
  | ReplicaHello
  | ReplicaStatus
  | ({ readonly kind: 'piece' } & Piece)
  /** The asked head is not readable here: not applied yet, reorganised away, or below the horizon. */
  | { readonly kind: 'notHeld'; readonly id: number }
  | { readonly kind: 'refused'; readonly id: number; readonly why: Refusal }
  /** One past the feed's last position, read after the ask came. */
  | { readonly kind: 'feedEnd'; readonly nonce: number; readonly next: number }

export interface ReplicaHello {
  readonly kind: 'hello'
  readonly version: number
  readonly cluster: string
  readonly chainId: number
  readonly genesisHash: BlockHash
  readonly generation: number
  readonly replica: string
  /** Streams that this replica has: one for each of its answer threads, at `streamAddress(address, 0 … streams - 1)`. */
  readonly streams: number
}

/** Streams of one replica at most. */
export const STREAMS_MAX = 64

/** Where the nth stream of a replica listens whose first listens at `first`: the next ports, or the next names of the socket. */
export function streamAddress(first: string, n: number): string {
  if (n === 0) return first
  if (first.startsWith('unix:')) return `${first}.${n}`
  const colon = first.lastIndexOf(':')
  return `${first.slice(0, colon)}:${Number(first.slice(colon + 1)) + n}`
}

export interface ReplicaStatus {
  readonly kind: 'status'
  readonly phase: LinkPhase
  /** Every head decided before this feed position is applied: one past the last applied position, and not past a head that is held back. */
  readonly applied: number
  readonly head: LinkHead
  /** Highest block number that any master announced. */
  readonly announcedNumber: number | undefined
  readonly verifiedNumber: number | undefined
  /** Requests running now. */
  readonly inFlight: number
  /** Oldest block whose state can be read; oldest whose header, body and receipts can. */
  readonly historyFrom: number
  readonly chainFrom: number
  /** First position that the feed holds, and for how many seconds it would still hold what the store needs, were it stopped now; undefined
   *  where that is not known, the second also where the first is 0. */
  readonly feedFirst?: number | undefined
  readonly feedCoverSeconds?: number | undefined
}

export const LINK_PHASES = ['ready', 'catchingUp', 'draining'] as const
export type LinkPhase = (typeof LINK_PHASES)[number]
export const REFUSALS = ['overloaded', 'draining', 'failed'] as const
/** `failed`: a bug or a broken disk at the replica; another one may answer. */
export type Refusal = (typeof REFUSALS)[number]

/** The head of the last request of one stream, as it is and as bytes: most requests name the one before theirs did. */
export interface HeadMemo {
  head?: LinkHead
  bytes: Uint8Array
}

export function createHeadMemo(): HeadMemo {
  return { bytes: new Uint8Array() }
}

/** Of what is not a body: a request names three blocks. */
const ENVELOPE_BYTES = 160

const TO_REPLICA = ['hello', 'request', 'cancel', 'askFeedEnd'] as const
const TO_GATEWAY = ['hello', 'status', 'piece', 'notHeld', 'refused', 'feedEnd'] as const

export function encodeToReplica(message: ToReplica, memo?: HeadMemo): Uint8Array {
  const bodyBytes = message.kind === 'request' ? message.body.length : 0
  const out = new LinkWriter(bodyBytes + ENVELOPE_BYTES).u8(TO_REPLICA.indexOf(message.kind))
  switch (message.kind) {
    case 'hello':
      return out.u32(message.version).text(message.gateway).done()
    case 'request':
      writeKnownHead(out.u32(message.id).u32(message.deadlineMs), message.head, memo)
      return out.sized(message.body).done()
    case 'cancel':
      return out.u32(message.id).done()
    case 'askFeedEnd':
      return out.u32(message.nonce).done()
  }
}

/** A request's body is a view of `bytes`. @throws Fault wire/link */
export function decodeToReplica(bytes: Uint8Array, memo?: HeadMemo): ToReplica {
  const reader = new LinkReader(bytes)
  const message = readToReplica(reader, memo)
  if (!foreignVersion(message)) reader.end()
  return message
}

function readToReplica(reader: LinkReader, memo: HeadMemo | undefined): ToReplica {
  const kind = reader.oneOf(TO_REPLICA)
  switch (kind) {
    case 'hello': {
      const version = reader.u32()
      return { kind, version, gateway: version === LINK_VERSION ? reader.text() : '' }
    }
    case 'request': {
      const id = reader.u32()
      const deadlineMs = reader.u32()
      return { kind, id, deadlineMs, head: readKnownHead(reader, memo), body: reader.sized() }
    }
    case 'cancel':
      return { kind, id: reader.u32() }
    case 'askFeedEnd':
      return { kind, nonce: reader.u32() }
  }
}

export function encodeToGateway(message: Exclude<ToGateway, { kind: 'piece' }>): Uint8Array {
  const out = new LinkWriter(ENVELOPE_BYTES).u8(TO_GATEWAY.indexOf(message.kind))
  switch (message.kind) {
    case 'hello':
      out.u32(message.version).text(message.cluster).u64(message.chainId).hash(message.genesisHash)
      return out.u32(message.generation).text(message.replica).u32(message.streams).done()
    case 'status':
      return writeStatus(out, message)
    case 'notHeld':
      return out.u32(message.id).done()
    case 'refused':
      return out.u32(message.id).u8(REFUSALS.indexOf(message.why)).done()
    case 'feedEnd':
      return out.u32(message.nonce).u64(message.next).done()
  }
}

/** A piece of an answer: the message in parts, those that were given as they are. */
export function encodePiece(id: number, { last, parts }: PieceParts): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const out = new LinkWriter(PIECE_ENVELOPE_BYTES).u8(TO_GATEWAY.indexOf('piece'))
  return [
    out
      .u32(id)
      .u8(last ? 1 : 0)
      .u32(length)
      .done(),
    ...parts,
  ]
}
const PIECE_ENVELOPE_BYTES = 10

/** A piece's bytes are a view of `bytes`. @throws Fault wire/link */
export function decodeToGateway(bytes: Uint8Array): ToGateway {
  const reader = new LinkReader(bytes)
  const message = readToGateway(reader)
  if (!foreignVersion(message)) reader.end()
  return message
}

function readToGateway(reader: LinkReader): ToGateway {
  const kind = reader.oneOf(TO_GATEWAY)
  switch (kind) {
    case 'hello':
      return readHello(reader)
    case 'status':
      return readStatus(reader)
    case 'piece':
      return { kind, id: reader.u32(), last: reader.flag(), bytes: reader.sized() }
    case 'notHeld':
      return { kind, id: reader.u32() }
    case 'refused':
      return { kind, id: reader.u32(), why: reader.oneOf(REFUSALS) }
    case 'feedEnd':
      return { kind, nonce: reader.u32(), next: reader.u64() }
  }
}

/** Of a hello of another version only the version is read: whoever reads it says so and closes. */
function foreignVersion(message: ToReplica | ToGateway): boolean {
  return message.kind === 'hello' && message.version !== LINK_VERSION
}

function readHello(reader: LinkReader): ReplicaHello {
  const version = reader.u32()
  if (version !== LINK_VERSION)
    return {
      kind: 'hello',
      version,
      cluster: '',
      chainId: 0,
      genesisHash: '0x' as BlockHash,
      generation: 0,
      replica: '',
      streams: 1,
    }
  const hello = {
    kind: 'hello',
    version,
    cluster: reader.text(),
    chainId: reader.u64(),
    genesisHash: reader.hash(),
    generation: reader.u32(),
    replica: reader.text(),
    streams: reader.u32(),
  } as const
  if (hello.streams === 0 || hello.streams > STREAMS_MAX)
    throw malformed(`a replica of ${hello.streams} streams`)
  return hello
}

function writeStatus(out: LinkWriter, status: ReplicaStatus): Uint8Array {
  out.u8(LINK_PHASES.indexOf(status.phase)).u64(status.applied)
  writeHead(out, status.head)
  out.optionalU64(status.announcedNumber).optionalU64(status.verifiedNumber)
  out.u32(status.inFlight).u64(status.historyFrom).u64(status.chainFrom)
  return out.optionalU64(status.feedFirst).optionalU64(status.feedCoverSeconds).done()
}

function readStatus(reader: LinkReader): ReplicaStatus {
  return {
    kind: 'status',
    phase: reader.oneOf(LINK_PHASES),
    applied: reader.u64(),
    head: readHead(reader),
    announcedNumber: reader.optionalU64(),
    verifiedNumber: reader.optionalU64(),
    inFlight: reader.u32(),
    historyFrom: reader.u64(),
    chainFrom: reader.u64(),
    feedFirst: reader.optionalU64(),
    feedCoverSeconds: reader.optionalU64(),
  }
}

function writeHead(out: LinkWriter, head: LinkHead): void {
  out.u64(head.position).block(head.head).block(head.safe).block(head.finalized)
}

function writeKnownHead(out: LinkWriter, head: LinkHead, memo: HeadMemo | undefined): void {
  if (memo === undefined) return writeHead(out, head)
  if (memo.head !== head) {
    const fresh = new LinkWriter()
    writeHead(fresh, head)
    memo.head = head
    memo.bytes = fresh.done()
  }
  out.raw(memo.bytes)
}

function readKnownHead(reader: LinkReader, memo: HeadMemo | undefined): LinkHead {
  if (memo?.head !== undefined && reader.skip(memo.bytes)) return memo.head
  const from = reader.at()
  const head = readHead(reader)
  if (memo !== undefined) {
    memo.head = head
    memo.bytes = reader.since(from)
  }
  return head
}

function readHead(reader: LinkReader): LinkHead {
  const position = reader.u64()
  const head = reader.block()
  const safe = reader.block()
  const finalized = reader.block()
  if (finalized.number > safe.number || safe.number > head.number)
    throw malformed('a head below its safe or finalized block')
  return { position, head, safe, finalized }
}
