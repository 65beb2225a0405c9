/**
 * Receipts without their logs, which have rows of their own (so they are stored once, and a query for logs reads no receipts), and
 * those rows: `topic count 1 ‖ transaction index 4 ‖ address 20 ‖ topics ‖ data`.
 */
import type { Address } from '#chain/block/block-ref.ts'
import type { Log, Receipt } from '#chain/transaction/receipt.ts'
import { assert } from '#kernel/assert.ts'
import { ByteReader, ByteWriter, getU32, putU32 } from './bytes.ts'

const STATE_ROOT = 2
/** Where a log's row has its address, and where its topics begin. */
export const LOG_ADDRESS_AT = 5
export const LOG_FIXED_BYTES = 25

export interface ReceiptRow {
  readonly type: number
  readonly outcome: Receipt['outcome']
  readonly cumulativeGasUsed: bigint
  readonly logCount: number
  readonly contractAddress?: Address
}

export function encodeReceipts(
  receipts: readonly Receipt[],
  created: readonly (Address | undefined)[],
): Uint8Array {
  const out = new ByteWriter(32 * receipts.length + 4)
  out.u32(receipts.length)
  receipts.forEach((receipt, i) => {
    out.u8(receipt.type)
    writeOutcome(out, receipt.outcome)
    out.u64(receipt.cumulativeGasUsed)
    out.u32(receipt.logs.length)
    const address = created[i]
    out.u8(address === undefined ? 0 : 1)
    if (address !== undefined) out.raw(address)
  })
  return out.done()
}

/** One receipt of an encoded list, and what those before it come to; undefined where there are fewer. */
export function decodeReceipt(
  bytes: Uint8Array,
  index: number,
): { readonly row: ReceiptRow; readonly gasBefore: bigint; readonly firstLogIndex: number } | undefined {
  if (index >= getU32(bytes, 0)) return undefined
  let at = 4
  let gasAt: number | undefined
  let firstLogIndex = 0
  for (let i = 0; i < index; i++) {
    gasAt = at + (bytes[at + 1] === STATE_ROOT ? 34 : 2)
    firstLogIndex += getU32(bytes, gasAt + 8)
    at = gasAt + (bytes[gasAt + 12] === 0 ? 13 : 33)
  }
  const gasBefore = gasAt === undefined ? 0n : new ByteReader(bytes, gasAt).u64()
  return { row: readRow(new ByteReader(bytes, at)), gasBefore, firstLogIndex }
}

export function decodeReceipts(bytes: Uint8Array): ReceiptRow[] {
  const from = new ByteReader(bytes)
  const rows: ReceiptRow[] = []
  for (let left = from.u32(); left > 0; left--) rows.push(readRow(from))
  assert(from.ended, 'a receipts row is as long as its layout says')
  return rows
}

function readRow(from: ByteReader): ReceiptRow {
  const type = from.u8()
  const outcome = readOutcome(from)
  const row = { type, outcome, cumulativeGasUsed: from.u64(), logCount: from.u32() }
  return from.u8() === 0 ? row : { ...row, contractAddress: from.raw(20) }
}

function writeOutcome(out: ByteWriter, outcome: Receipt['outcome']): void {
  if ('status' in outcome) return out.u8(outcome.status)
  out.u8(STATE_ROOT)
  out.raw(outcome.stateRoot)
}

function readOutcome(from: ByteReader): Receipt['outcome'] {
  const kind = from.u8()
  if (kind === STATE_ROOT) return { stateRoot: from.raw(32) }
  assert(kind === 0 || kind === 1, 'an outcome is a status or a root')
  return { status: kind }
}

export function encodeLog(log: Log, transactionIndex: number): Uint8Array {
  const { address, topics, data } = log
  const topicsEnd = LOG_FIXED_BYTES + 32 * topics.length
  const out = new Uint8Array(topicsEnd + data.length)
  out[0] = topics.length
  putU32(out, 1, transactionIndex)
  // Loops where bytes are few: `set` costs more.
  for (let i = 0, at = LOG_ADDRESS_AT; i < 20; i++, at++) out[at] = address[i] as number
  for (let topic = 0, at = LOG_FIXED_BYTES; topic < topics.length; topic++) {
    const word = topics[topic] as Uint8Array
    for (let i = 0; i < 32; i++, at++) out[at] = word[i] as number
  }
  out.set(data, topicsEnd)
  return out
}
