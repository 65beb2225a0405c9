/**
 * The canonical chain in rows: header, body, receipts and logs under the block's number, and the ways back from hashes to numbers.
 * `blockHashes` holds the block's own hash, then those of its transactions: what BLOCKHASH and blocks without full transactions need.
 */
import type { Address, BlockHash, Hash32 } from '#chain/block/block-ref.ts'
import { createdAddress } from '#chain/transaction/sender.ts'
import { LEVELS, SOURCES, type Frame } from '#chain/block/frame.ts'
import type { Header } from '#chain/header/header.ts'
import { headerFromRlp, timestampIn } from '#chain/header/header-rlp.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, equalBytes, fromHex, toHex } from '#kernel/bytes.ts'
import type { Compress } from '#ports/compress.ts'
import type { ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import { type Body, decodeBody, encodeBody } from '#state/codec/body.ts'
import { ByteReader, ByteWriter, getU32, putU32, u32 } from '#state/codec/bytes.ts'
import { decodeReceipts, encodeLog, encodeReceipts, type ReceiptRow } from '#state/codec/receipt.ts'
import { getParts, PART_BYTES, partKey, appendParts, removeParts } from '#state/parts.ts'

type Gets = Pick<ReadTx, 'get'>

const CODECS = ['stored', 'zstd'] as const
const PLACE_BYTES = 8
const PREFIX_BYTES = 8
const HASH_BYTES = 32

/** What a frame says about itself, kept so that undoing a block gives back the frame that it was. */
export type Provenance = Pick<Frame, 'senders' | 'source' | 'level' | 'deltaHash'>

/** Where a block's rows go: into a transaction, or into an array for one later. */
export interface BlockSink extends Pick<WriteTx, 'append'> {
  put(table: 'hashes', key: Uint8Array, value: Uint8Array): void
  /** Of a transaction, by the beginning of its hash. */
  place(prefix: Uint8Array, place: Uint8Array): void
}

export function sinkInto(tx: WriteTx): BlockSink {
  return {
    append: (table, key, value) => tx.append(table, key, value),
    put: (table, key, value) => tx.put(table, key, value),
    place: (prefix, place) => addPlace(tx, prefix, place),
  }
}

export function putBlock(into: BlockSink, frame: Omit<Frame, 'delta'>, compress: Compress): void {
  const { header, transactions, senders } = frame.block
  const block = u32(header.number)
  putHeader(
    into,
    header,
    transactions.map((transaction) => transaction.hash),
  )
  appendParts(into, 'bodies', block, encodeProvenance(frame, pack(encodeBody(frame.block), compress)))
  const created = transactions.map((transaction, i) =>
    transaction.to === undefined ? createdAddress(senders[i] as Address, transaction.nonce) : undefined,
  )
  appendParts(into, 'receipts', block, pack(encodeReceipts(frame.receipts, created), compress))
  const key = logPrefix(header.number, 0)
  let logIndex = 0
  frame.receipts.forEach((receipt, index) => {
    for (const log of receipt.logs) {
      putU32(key, 4, logIndex++)
      appendParts(into, 'logs', key, encodeLog(log, index))
    }
  })
  transactions.forEach(({ hash }, index) =>
    into.place(hash.subarray(0, PREFIX_BYTES), placeOf(header.number, index)),
  )
}

function putHeader(into: BlockSink, header: Header, transactionHashes: readonly Hash32[]): void {
  const block = u32(header.number)
  const hash = fromHex(header.hash)
  appendParts(into, 'headers', block, header.rlp)
  appendParts(into, 'blockHashes', block, concatBytes(hash, ...transactionHashes))
  into.put('hashes', hash, block)
}

/** Removes every row of a block whose header, body and receipts were read before. */
export function removeBlock(tx: WriteTx, header: Header, receipts: readonly Receipt[]): void {
  const block = u32(header.number)
  readTransactionHashes(tx, header.number)?.forEach((hash, index) => {
    removePlace(tx, hash, header.number, index)
  })
  const logCount = receipts.reduce((sum, receipt) => sum + receipt.logs.length, 0)
  for (let i = 0; i < logCount; i++) removeParts(tx, 'logs', logPrefix(header.number, i))
  for (const table of ['headers', 'bodies', 'receipts', 'blockHashes'] as const) {
    removeParts(tx, table, block)
  }
  tx.remove('hashes', fromHex(header.hash))
}

export function readHeader(tx: Gets, number: number): Header | undefined {
  const rlp = getParts(tx, 'headers', u32(number))
  return rlp && headerFromRlp(rlp)
}

/** 32 bytes, a copy. */
export function readBlockHash(tx: Gets, number: number): Uint8Array | undefined {
  return tx.get('blockHashes', partKey(u32(number), 0))?.slice(0, HASH_BYTES)
}

export function readTransactionHashes(tx: Gets, number: number): Hash32[] | undefined {
  const bytes = getParts(tx, 'blockHashes', u32(number))
  if (bytes === undefined) return undefined
  const hashes: Hash32[] = []
  for (let at = 32; at < bytes.length; at += 32) hashes.push(bytes.subarray(at, at + 32))
  return hashes
}

export function readNumber(tx: Gets, hash: BlockHash): number | undefined {
  const row = tx.get('hashes', fromHex(hash))
  return row && getU32(row, 0)
}

export function readBody(
  tx: Gets,
  number: number,
  compress: Compress,
): { readonly body: Body; readonly provenance: Provenance } | undefined {
  const bytes = getParts(tx, 'bodies', u32(number))
  if (bytes === undefined) return undefined
  const { provenance, packed } = decodeProvenance(bytes)
  return { body: decodeBody(unpack(packed, compress)), provenance }
}

export function readReceiptRows(tx: Gets, number: number, compress: Compress): ReceiptRow[] | undefined {
  const bytes = readReceiptList(tx, number, compress)
  return bytes && decodeReceipts(bytes)
}

/** All receipts of a block, encoded. */
export function readReceiptList(tx: Gets, number: number, compress: Compress): Uint8Array | undefined {
  const bytes = getParts(tx, 'receipts', u32(number))
  return bytes && unpack(bytes, compress)
}

export function readTransactionHash(tx: Gets, number: number, index: number): Hash32 | undefined {
  return new BlockHashes(tx, number).transaction(index)
}

/** A block's own hash and those of its transactions, of which neighbours are read together. */
export class BlockHashes {
  readonly #tx: Gets
  readonly #number: number
  #at = -1
  #part: Uint8Array | undefined

  constructor(tx: Gets, number: number) {
    this.#tx = tx
    this.#number = number
  }

  /** Undefined where no such block is stored. */
  block(): Uint8Array | undefined {
    return this.#hash(0)
  }

  transaction(index: number): Hash32 | undefined {
    return this.#hash(HASH_BYTES * (index + 1))
  }

  #hash(at: number): Uint8Array | undefined {
    const wanted = Math.floor(at / PART_BYTES)
    if (wanted !== this.#at) {
      this.#part = this.#tx.get('blockHashes', partKey(u32(this.#number), wanted))?.slice()
      this.#at = wanted
    }
    const from = at % PART_BYTES
    return this.#part && this.#part.length > from ? this.#part.subarray(from, from + HASH_BYTES) : undefined
  }
}

/** Seconds. */
export function readTimestamp(tx: Gets, number: number): number | undefined {
  const rlp = tx.get('headers', partKey(u32(number), 0))
  return rlp && timestampIn(rlp)
}

export function findTransaction(tx: Gets, hash: Hash32): { number: number; index: number } | undefined {
  const places = tx.get('transactions', hash.subarray(0, PREFIX_BYTES))?.slice()
  if (places === undefined) return undefined
  for (let at = 0; at < places.length; at += PLACE_BYTES) {
    const place = { number: getU32(places, at), index: getU32(places, at + 4) }
    const found = readTransactionHash(tx, place.number, place.index)
    assert(found !== undefined, 'an indexed transaction is in a stored block')
    if (equalBytes(found, hash)) return place
  }
  return undefined
}

/** Of several transactions with one prefix the row is a list. */
export function addPlace(tx: WriteTx, key: Uint8Array, place: Uint8Array): void {
  if (tx.insert('transactions', key, place)) return
  const others = tx.get('transactions', key)?.slice() ?? new Uint8Array()
  for (let at = 0; at < others.length; at += PLACE_BYTES)
    if (equalBytes(others.subarray(at, at + PLACE_BYTES), place)) return // blocks taken at once may be taken again
  tx.put('transactions', key, concatBytes(others, place))
}

function removePlace(tx: WriteTx, hash: Hash32, number: number, index: number): void {
  const key = hash.subarray(0, PREFIX_BYTES)
  const places = tx.get('transactions', key)?.slice() ?? new Uint8Array()
  const place = placeOf(number, index)
  const kept: Uint8Array[] = []
  for (let at = 0; at < places.length; at += PLACE_BYTES) {
    const other = places.subarray(at, at + PLACE_BYTES)
    if (!equalBytes(other, place)) kept.push(other)
  }
  if (kept.length === 0) tx.remove('transactions', key)
  else tx.put('transactions', key, concatBytes(...kept))
}

function placeOf(number: number, index: number): Uint8Array {
  const place = new Uint8Array(PLACE_BYTES)
  putU32(place, 0, number)
  putU32(place, 4, index)
  return place
}

function logPrefix(number: number, logIndex: number): Uint8Array {
  return placeOf(number, logIndex)
}

function encodeProvenance(frame: Provenance, packed: Uint8Array): Uint8Array {
  const out = new ByteWriter(packed.length + 35)
  out.u8(frame.senders === 'claimed' ? 1 : 0)
  out.u8(SOURCES.indexOf(frame.source))
  out.u8(LEVELS.indexOf(frame.level))
  out.raw(frame.deltaHash)
  out.raw(packed)
  return out.done()
}

function decodeProvenance(bytes: Uint8Array): { provenance: Provenance; packed: Uint8Array } {
  const from = new ByteReader(bytes)
  const senders = from.u8() === 1 ? 'claimed' : 'recovered'
  const source = SOURCES[from.u8()]
  const level = LEVELS[from.u8()]
  assert(source !== undefined && level !== undefined, 'a stored block names a known source and level')
  return { provenance: { senders, source, level, deltaHash: from.raw(32) }, packed: bytes.subarray(35) }
}

/** `codec 1 ‖ raw length 4 ‖ bytes`. */
function pack(raw: Uint8Array, compress: Compress): Uint8Array {
  const bytes = compress.compress(raw)
  return concatBytes(Uint8Array.of(CODECS.indexOf(compress.codec)), u32(raw.length), bytes)
}

function unpack(packed: Uint8Array, compress: Compress): Uint8Array {
  const codec = CODECS[packed[0] as number]
  assert(codec !== undefined, 'a packed row names a known codec')
  return compress.expand(codec, packed.subarray(5), getU32(packed, 1))
}

/** As JSON-RPC and block refs write it. */
export function hashText(bytes: Uint8Array): BlockHash {
  return toHex(bytes) as BlockHash
}
