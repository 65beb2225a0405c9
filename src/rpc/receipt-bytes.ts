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
const REMOVED = utf8(',"removed":false}')

/** What all logs and receipts of one block have in common. */
export interface LogPlace {
  readonly block: Uint8Array
  readonly time: Uint8Array
  readonly receipt: Uint8Array
  readonly baseFee: bigint
  readonly bloom: (logs: readonly Log[]) => Uint8Array
}

export function logPlace(header: Pick<Header, 'hash' | 'number' | 'timestamp' | 'baseFeePerGas'>): LogPlace {
  const [number, time] = [header.number, header.timestamp].map((n) => `"0x${n.toString(16)}"`)
  const hash = rememberingHash()
  return {
    block: utf8(`,"blockNumber":${number},"transactionHash":`),
    time: utf8(`,"blockHash":"${header.hash}","blockTimestamp":${time},"logIndex":`),
    receipt: utf8(`{"blockHash":"${header.hash}","blockNumber":${number},"transactionHash":`),
    baseFee: header.baseFeePerGas ?? 0n,
    bloom: (logs) => (logs.length === 0 ? NO_BLOOM : logsBloom(logs, hash)),
  }
}
const NO_BLOOM = new Uint8Array(BLOOM_BYTES)

export function writeLog(
  out: JsonBytes,
  place: LogPlace,
  { address, topics, data }: Log,
  at: { readonly transactionHash: Uint8Array; readonly transactionIndex: number; readonly logIndex: number },
): void {
  out.raw(JSON_TEXT.address).hex(address).raw(N.topics).raw(JSON_TEXT.openList)
  for (let i = 0; i < topics.length; i++) {
    if (i > 0) out.raw(JSON_TEXT.comma)
    out.hex(topics[i] as Uint8Array)
  }
  out.raw(JSON_TEXT.closeList).raw(N.data).hex(data).raw(place.block).hex(at.transactionHash)
  out.raw(N.transactionIndex).integer(at.transactionIndex).raw(place.time).integer(at.logIndex).raw(REMOVED)
}

export type ReceiptSource = Omit<ReceiptParts, 'header' | 'transaction'> & {
  /** The transaction's canonical bytes, and their hash. */
  readonly raw: Uint8Array
  readonly hash: Uint8Array
}

export function writeReceipt(out: JsonBytes, place: LogPlace, source: ReceiptSource): void {
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
