/** Receipts and logs as JSON bytes: field for field what receiptJson and logJson of encode.ts make, the slow twins. */
import { BLOOM_BYTES, logsBloom, rememberingHash } from '#chain/transaction/bloom.ts'
import type { Header } from '#chain/header/header.ts'
import type { Log } from '#chain/transaction/receipt.ts'
import { GAS_PER_BLOB } from '#chain/block/verify-block.ts'
import type { ReceiptParts } from './encode.ts'
import { JSON_TEXT, type JsonBytes, type Literal, literal, memberNames } from './json-bytes.ts'
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
const REMOVED = literal(',"removed":false}')

/** What all logs of one block have in common. */
export interface LogPlace {
  readonly block: Literal
  readonly time: Literal
}

/** And what its receipts have. */
export interface ReceiptPlace extends LogPlace {
  readonly receipt: Literal
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
    block: literal(`,"blockNumber":${block},"transactionHash":`),
    time: literal(`,"blockHash":"${hash}","blockTimestamp":${time},"logIndex":`),
  }
}

export function receiptPlace(
  header: Pick<Header, 'hash' | 'number' | 'timestamp' | 'baseFeePerGas'>,
): ReceiptPlace {
  const hash = rememberingHash()
  return {
    ...logPlace(header),
    receipt: literal(
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
  out.put(JSON_TEXT.address).hex(address).put(N.topics).put(JSON_TEXT.openList)
  for (let i = 0; i < topics.length; i++) {
    if (i > 0) out.put(JSON_TEXT.comma)
    out.hex(topics[i] as Uint8Array)
  }
  out.put(JSON_TEXT.closeList).put(N.data).hex(data)
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
    .put(JSON_TEXT.address)
    .hex(bytes, addressAt, addressAt + ADDRESS_BYTES)
    .put(N.topics)
    .put(JSON_TEXT.openList)
  for (let topic = log.topicsAt; topic < dataAt; topic += TOPIC_BYTES) {
    if (topic > log.topicsAt) out.put(JSON_TEXT.comma)
    out.hex(bytes, topic, topic + TOPIC_BYTES)
  }
  out.put(JSON_TEXT.closeList).put(N.data).hex(bytes, dataAt, log.dataTo)
  writeLogEnd(out, place, at)
}

function writeLogEnd(
  out: JsonBytes,
  place: LogPlace,
  { transactionHash, transactionIndex, logIndex }: LogAt,
): void {
  out.put(place.block).hex(transactionHash).put(N.transactionIndex).integer(transactionIndex)
  out.put(place.time).integer(logIndex).put(REMOVED)
}

export type ReceiptSource = Omit<ReceiptParts, 'header' | 'transaction'> & {
  /** The transaction's canonical bytes, and their hash. */
  readonly raw: Uint8Array
  readonly hash: Uint8Array
}

export function writeReceipt(out: JsonBytes, place: ReceiptPlace, source: ReceiptSource): void {
  const { raw, hash, sender, index, receipt, blobGasPrice } = source
  out.put(place.receipt).hex(hash).put(N.transactionIndex).integer(index)
  out.put(N.from).hex(sender).put(N.to)
  writeRecipientOf(out, raw)
  out.put(N.gasUsed).integer(receipt.gasUsed).put(N.cumulativeGasUsed).integer(receipt.cumulativeGasUsed)
  out.put(N.contractAddress)
  if (receipt.contractAddress === undefined) out.put(JSON_TEXT.null)
  else out.hex(receipt.contractAddress)
  writeLogs(out, place, source)
  out.put(N.logsBloom).hex(place.bloom(receipt.logs)).put(N.type).integer(receipt.type)
  out.put(N.effectiveGasPrice)
  writePriceOf(out, raw, place.baseFee)
  if ('status' in receipt.outcome) out.put(N.status).integer(receipt.outcome.status)
  else out.put(N.root).hex(receipt.outcome.stateRoot)
  const blobs = blobCount(raw)
  if (blobGasPrice !== undefined && blobs !== undefined) {
    out.put(N.blobGasUsed).integer(BigInt(blobs) * GAS_PER_BLOB)
    out.put(N.blobGasPrice).integer(blobGasPrice)
  }
  out.put(JSON_TEXT.close)
}

function writeLogs(out: JsonBytes, place: LogPlace, { hash, index, receipt }: ReceiptSource): void {
  const { logs, firstLogIndex } = receipt
  out.put(N.logs).put(JSON_TEXT.openList)
  for (let i = 0; i < logs.length; i++) {
    if (i > 0) out.put(JSON_TEXT.comma)
    const at = { transactionHash: hash, transactionIndex: index, logIndex: firstLogIndex + i }
    writeLog(out, place, logs[i] as Log, at)
  }
  out.put(JSON_TEXT.closeList)
}
