/**
 * Transactions as JSON bytes from their canonical bytes: no objects, texts or (but for prices) bigints in between. Field for field what
 * transactionJson of encode.ts makes, the slow twin; the tests hold them together.
 */
import type { Header } from '#chain/header/header.ts'
import { assert } from '#kernel/assert.ts'
import { bigintFrom } from '#kernel/bytes.ts'
import { JSON_TEXT, type JsonBytes, type Literal, literal, memberNames } from './json-bytes.ts'
import { RlpPlaces } from './rlp-places.ts'

/** What everything in one block begins with. */
export interface TransactionPlace {
  readonly start: Literal
  readonly baseFee: bigint
}

export function transactionPlace(
  header: Pick<Header, 'hash' | 'number' | 'timestamp' | 'baseFeePerGas'>,
): TransactionPlace {
  const [number, time] = [header.number, header.timestamp].map((n) => `"0x${n.toString(16)}"`)
  return {
    start: literal(`{"blockHash":"${header.hash}","blockNumber":${number},"blockTimestamp":${time},"from":`),
    baseFee: header.baseFeePerGas ?? 0n,
  }
}

const N = memberNames(
  'gas',
  'gasPrice',
  'hash',
  'input',
  'nonce',
  'to',
  'transactionIndex',
  'value',
  'type',
  'chainId',
  'accessList',
  'maxFeePerGas',
  'maxPriorityFeePerGas',
  'maxFeePerBlobGas',
  'blobVersionedHashes',
  'authorizationList',
  'v',
  'r',
  's',
  'yParity',
  'storageKeys',
  'address',
)
const CHAIN_ID = literal('{"chainId":')

/** Where the fields of each type stand in its list. */
interface Layout {
  readonly fee: number
  readonly tip?: number
  readonly nonce: number
  readonly gas: number
  readonly to: number
  readonly value: number
  readonly data: number
  readonly accessList?: number
  readonly blobFee?: number
  readonly blobs?: number
  readonly authorizations?: number
  readonly v: number
}
const LAYOUTS: Readonly<Record<number, Layout>> = {
  0: { nonce: 0, fee: 1, gas: 2, to: 3, value: 4, data: 5, v: 6 },
  1: { nonce: 1, fee: 2, gas: 3, to: 4, value: 5, data: 6, accessList: 7, v: 8 },
  2: { nonce: 1, tip: 2, fee: 3, gas: 4, to: 5, value: 6, data: 7, accessList: 8, v: 9 },
  3: {
    nonce: 1,
    tip: 2,
    fee: 3,
    gas: 4,
    to: 5,
    value: 6,
    data: 7,
    accessList: 8,
    blobFee: 9,
    blobs: 10,
    v: 11,
  },
  4: { nonce: 1, tip: 2, fee: 3, gas: 4, to: 5, value: 6, data: 7, accessList: 8, authorizations: 9, v: 10 },
}
/** A transaction's canonical bytes with what a store knows of it. */
export interface StoredTransaction {
  readonly raw: Uint8Array
  readonly hash: Uint8Array
  readonly sender: Uint8Array
  readonly index: number
}

const fields = new RlpPlaces()

/** As transactionJson of encode.ts. */
export function writeTransaction(
  out: JsonBytes,
  place: TransactionPlace,
  { raw, hash, sender, index }: StoredTransaction,
): void {
  const { type, layout } = scanTransaction(raw)
  out.put(place.start).hex(sender).put(N.gas)
  writeField(out, raw, layout.gas).put(N.gasPrice)
  writePrice(out, raw, layout, place.baseFee)
  out
    .put(N.hash)
    .hex(hash)
    .put(N.input)
    .hex(raw, fields.from[layout.data], fields.to[layout.data])
    .put(N.nonce)
  writeField(out, raw, layout.nonce).put(N.to)
  writeRecipient(out, raw, layout)
  out.put(N.transactionIndex).integer(index).put(N.value)
  writeField(out, raw, layout.value).put(N.type).integer(type)
  const { v } = layout
  if (type === 0) writeLegacyChainId(out, raw, v)
  else {
    out.put(N.chainId)
    writeField(out, raw, 0)
    writeTypedFields(out, raw, layout)
  }
  // Scanned lists leave the places of the fields as they were.
  out.put(N.v)
  writeField(out, raw, v).put(N.r)
  writeField(out, raw, v + 1).put(N.s)
  writeField(out, raw, v + 2)
  if (type !== 0) {
    out.put(N.yParity)
    writeField(out, raw, v)
  }
  out.put(JSON_TEXT.close)
}

function scanTransaction(raw: Uint8Array): { type: number; layout: Layout } {
  const first = raw[0] as number
  const type = first >= 0xc0 ? 0 : first
  fields.scan(raw, type === 0 ? 0 : 1)
  const layout = LAYOUTS[type]
  assert(layout !== undefined, 'a stored transaction has a known type')
  return { type, layout }
}

function writeTypedFields(out: JsonBytes, raw: Uint8Array, layout: Layout): void {
  if (layout.accessList !== undefined) {
    out.put(N.accessList)
    writeAccessList(out, raw, startOf(layout.accessList), endOf(layout.accessList))
  }
  if (layout.tip === undefined) return
  out.put(N.maxFeePerGas)
  writeField(out, raw, layout.fee)
  out.put(N.maxPriorityFeePerGas)
  writeField(out, raw, layout.tip)
  if (layout.blobFee !== undefined && layout.blobs !== undefined) {
    out.put(N.maxFeePerBlobGas)
    writeField(out, raw, layout.blobFee)
    out.put(N.blobVersionedHashes)
    writeHashes(out, raw, startOf(layout.blobs), endOf(layout.blobs))
  }
  if (layout.authorizations !== undefined) {
    out.put(N.authorizationList)
    writeAuthorizations(out, raw, startOf(layout.authorizations), endOf(layout.authorizations))
  }
}

/** A field of the list that was scanned last. */
function writeField(out: JsonBytes, raw: Uint8Array, field: number): JsonBytes {
  return out.quantity(raw, startOf(field), endOf(field))
}

function startOf(field: number): number {
  return fields.from[field] as number
}

function endOf(field: number): number {
  return fields.to[field] as number
}

function writeRecipient(out: JsonBytes, raw: Uint8Array, { to }: Layout): void {
  const [from, end] = [fields.from[to] as number, fields.to[to] as number]
  if (from === end) out.put(JSON_TEXT.null)
  else out.hex(raw, from, end)
}

/** What the sender paid per gas. */
function writePrice(out: JsonBytes, raw: Uint8Array, { fee, tip }: Layout, baseFee: bigint): void {
  if (tip === undefined) return void out.quantity(raw, fields.from[fee], fields.to[fee])
  const [paid, most] = [smallInteger(raw, tip), smallInteger(raw, fee)]
  if (paid !== undefined && most !== undefined && baseFee < SMALL_END)
    return void out.integer(Math.min(Number(baseFee) + paid, most))
  const bigint = (i: number): bigint => bigintFrom(raw.subarray(fields.from[i], fields.to[i]))
  const price = baseFee + bigint(tip)
  const limit = bigint(fee)
  out.integer(price < limit ? price : limit)
}

const SMALL_BYTES = 6
const SMALL_END = 2n ** 48n

/** A field of up to six bytes; undefined where it is longer. Prices that are paid are that small. */
function smallInteger(raw: Uint8Array, field: number): number | undefined {
  const [from, to] = [fields.from[field] as number, fields.to[field] as number]
  if (to - from > SMALL_BYTES) return undefined
  let value = 0
  for (let i = from; i < to; i++) value = value * 256 + (raw[i] as number)
  return value
}

/** EIP-155: v is 35 or 36 and twice the chain. */
function writeLegacyChainId(out: JsonBytes, raw: Uint8Array, v: number): void {
  const value = bigintFrom(raw.subarray(fields.from[v], fields.to[v]))
  if (value >= 35n) out.put(N.chainId).integer((value - 35n) / 2n)
}

function writeHashes(out: JsonBytes, raw: Uint8Array, from: number, to: number): void {
  out.put(JSON_TEXT.openList)
  let isFirst = true
  fields.each(from, to, (start, end) => {
    if (!isFirst) out.put(JSON_TEXT.comma)
    isFirst = false
    out.hex(raw, start, end)
  })
  out.put(JSON_TEXT.closeList)
}

function writeAccessList(out: JsonBytes, raw: Uint8Array, from: number, to: number): void {
  out.put(JSON_TEXT.openList)
  let isFirst = true
  fields.each(from, to, (start, end) => {
    if (!isFirst) out.put(JSON_TEXT.comma)
    isFirst = false
    const parts: number[] = []
    fields.each(start, end, (a, b) => void parts.push(a, b))
    const [addressFrom, addressTo, keysFrom, keysTo] = parts as [number, number, number, number]
    out.put(JSON_TEXT.address).hex(raw, addressFrom, addressTo).put(N.storageKeys)
    writeHashes(out, raw, keysFrom, keysTo)
    out.put(JSON_TEXT.close)
  })
  out.put(JSON_TEXT.closeList)
}

function writeAuthorizations(out: JsonBytes, raw: Uint8Array, from: number, to: number): void {
  out.put(JSON_TEXT.openList)
  let isFirst = true
  fields.each(from, to, (start, end) => {
    if (!isFirst) out.put(JSON_TEXT.comma)
    isFirst = false
    const parts: (readonly [number, number])[] = []
    fields.each(start, end, (a, b) => void parts.push([a, b]))
    const [chain, address, nonce, parity, r, s] = parts as [Part, Part, Part, Part, Part, Part]
    out
      .put(CHAIN_ID)
      .quantity(raw, ...chain)
      .put(N.address)
      .hex(raw, ...address)
    out
      .put(N.nonce)
      .quantity(raw, ...nonce)
      .put(N.yParity)
      .quantity(raw, ...parity)
    out
      .put(N.r)
      .quantity(raw, ...r)
      .put(N.s)
      .quantity(raw, ...s)
      .put(JSON_TEXT.close)
  })
  out.put(JSON_TEXT.closeList)
}
type Part = readonly [number, number]

/** What a receipt says of its transaction beside the hash. */
export function writeRecipientOf(out: JsonBytes, raw: Uint8Array): void {
  writeRecipient(out, raw, scanTransaction(raw).layout)
}

export function writePriceOf(out: JsonBytes, raw: Uint8Array, baseFee: bigint): void {
  writePrice(out, raw, scanTransaction(raw).layout, baseFee)
}

/** Undefined for what is no blob transaction. */
export function blobCount(raw: Uint8Array): number | undefined {
  const { blobs } = scanTransaction(raw).layout
  if (blobs === undefined) return undefined
  let count = 0
  fields.each(fields.from[blobs] as number, fields.to[blobs] as number, () => void count++)
  return count
}
