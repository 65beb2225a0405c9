/** Receipts and logs as JSON bytes: field for field what receiptJson and logJson of encode.ts make, the slow twins. */
import { BLOOM_BYTES, logsBloom, rememberingHash } from '#chain/bloom.ts'
import type { Header } from '#chain/header.ts'
import type { Log } from '#chain/receipt.ts'
import { GAS_PER_BLOB } from '#chain/verify-block.ts'
import { utf8 } from '#kernel/bytes.ts'
import type { ReceiptParts } from './encode.ts'
import { type JsonBytes, memberNames, JSON_TEXT } from './json-bytes.ts'
import { blobCount, writePriceOf, writeRecipientOf } from './transaction-bytes.ts'

const N = memberNames(
  'transactionIndex',
  'topics',
  'data',
  'from',
  'to',
  'gasUsed',
  'cumulativeGasUsed',
  'contractAddress',
  'logs',
  'logsBloom',
  'type',
  'effectiveGasPrice',
  'status',
  'root',
  'blobGasUsed',
  'blobGasPrice',
)
const ADDRESS_BYTES = 20
const TOPIC_BYTES = 32
const REMOVED = utf8(',"removed":false}')

/** What all logs of one block have in common. */
export interface LogPlace {
  readonly block: Uint8Array
  readonly time: Uint8Array
}

/** And what its receipts have. */
export interface ReceiptPlace extends LogPlace {
  readonly receipt: Uint8Array
  readonly baseFee: bigint
  readonly bloom: (logs: readonly Log[]) => Uint8Array
}

export function logPlace({
  hash,
  number,
  timestamp,
}: Pick<Header, 'hash' | 'number' | 'timestamp'>): LogPlace {
  const [block, time] = [number, timestamp].map((n) => `"0x${n.toString(16)}"`)
  return {
    block: utf8(`,"blockNumber":${block},"transactionHash":`),
    time: utf8(`,"blockHash":"${hash}","blockTimestamp":${time},"logIndex":`),
  }
}

export function receiptPlace(
  header: Pick<Header, 'hash' | 'number' | 'timestamp' | 'baseFeePerGas'>,
): ReceiptPlace {
  const hash = rememberingHash()
  return {
    ...logPlace(header),
    receipt: utf8(
      `{"blockHash":"${header.hash}","blockNumber":"0x${header.number.toString(16)}","transactionHash":`,
    ),
    baseFee: header.baseFeePerGas ?? 0n,
    bloom: (logs) => (logs.length === 0 ? NO_BLOOM : logsBloom(logs, hash)),
  }
}
const NO_BLOOM = new Uint8Array(BLOOM_BYTES)

/** Where a log stands in its block. */
interface LogAt {
  readonly transactionHash: Uint8Array
  readonly transactionIndex: number
  readonly logIndex: number
}

export function writeLog(out: JsonBytes, place: LogPlace, { address, topics, data }: Log, at: LogAt): void {
  out.raw(JSON_TEXT.address).hex(address).raw(N.topics).raw(JSON_TEXT.openList)
  for (let i = 0; i < topics.length; i++) {
    if (i > 0) out.raw(JSON_TEXT.comma)
    out.hex(topics[i] as Uint8Array)
  }
  out.raw(JSON_TEXT.closeList).raw(N.data).hex(data)
  writeLogEnd(out, place, at)
}

/** A log in the bytes of a row, and where its parts stand in them. */
export interface RawLog {
  readonly bytes: Uint8Array
  readonly addressAt: number
  /** Of 32 bytes each, one after the other. */
  readonly topicsAt: number
  readonly topicCount: number
  readonly dataAt: number
  readonly dataTo: number
}

/** The same of a log that nobody has taken apart. */
export function writeRawLog(out: JsonBytes, place: LogPlace, log: RawLog, at: LogAt): void {
  const { bytes, addressAt, dataAt } = log
  out
    .raw(JSON_TEXT.address)
    .hex(bytes, addressAt, addressAt + ADDRESS_BYTES)
    .raw(N.topics)
    .raw(JSON_TEXT.openList)
  for (let topic = log.topicsAt; topic < dataAt; topic += TOPIC_BYTES) {
    if (topic > log.topicsAt) out.raw(JSON_TEXT.comma)
    out.hex(bytes, topic, topic + TOPIC_BYTES)
  }
  out.raw(JSON_TEXT.closeList).raw(N.data).hex(bytes, dataAt, log.dataTo)
  writeLogEnd(out, place, at)
}

function writeLogEnd(
  out: JsonBytes,
  place: LogPlace,
  { transactionHash, transactionIndex, logIndex }: LogAt,
): void {
  out.raw(place.block).hex(transactionHash).raw(N.transactionIndex).integer(transactionIndex)
  out.raw(place.time).integer(logIndex).raw(REMOVED)
}

export type ReceiptSource = Omit<ReceiptParts, 'header' | 'transaction'> & {
  /** The transaction's canonical bytes, and their hash. */
  readonly raw: Uint8Array
  readonly hash: Uint8Array
}

export function writeReceipt(out: JsonBytes, place: ReceiptPlace, source: ReceiptSource): void {
  const { raw, hash, sender, index, receipt, blobGasPrice } = source
  out.raw(place.receipt).hex(hash).raw(N.transactionIndex).integer(index)
  out.raw(N.from).hex(sender).raw(N.to)
  writeRecipientOf(out, raw)
  out.raw(N.gasUsed).integer(receipt.gasUsed).raw(N.cumulativeGasUsed).integer(receipt.cumulativeGasUsed)
  out.raw(N.contractAddress)
  if (receipt.contractAddress === undefined) out.raw(JSON_TEXT.null)
  else out.hex(receipt.contractAddress)
  writeLogs(out, place, source)
  out.raw(N.logsBloom).hex(place.bloom(receipt.logs)).raw(N.type).integer(receipt.type)
  out.raw(N.effectiveGasPrice)
  writePriceOf(out, raw, place.baseFee)
  if ('status' in receipt.outcome) out.raw(N.status).integer(receipt.outcome.status)
  else out.raw(N.root).hex(receipt.outcome.stateRoot)
  const blobs = blobCount(raw)
  if (blobGasPrice !== undefined && blobs !== undefined) {
    out.raw(N.blobGasUsed).integer(BigInt(blobs) * GAS_PER_BLOB)
    out.raw(N.blobGasPrice).integer(blobGasPrice)
  }
  out.raw(JSON_TEXT.close)
}

function writeLogs(out: JsonBytes, place: LogPlace, { hash, index, receipt }: ReceiptSource): void {
  const { logs, firstLogIndex } = receipt
  out.raw(N.logs).raw(JSON_TEXT.openList)
  for (let i = 0; i < logs.length; i++) {
    if (i > 0) out.raw(JSON_TEXT.comma)
    const at = { transactionHash: hash, transactionIndex: index, logIndex: firstLogIndex + i }
    writeLog(out, place, logs[i] as Log, at)
  }
  out.raw(JSON_TEXT.closeList)
}
