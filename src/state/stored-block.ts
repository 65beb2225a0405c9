/** Blocks, receipts and frames put together again from the chain's rows. Hashes are not stored where bytes to hash are. */

import type { Delta } from '#chain/delta/delta.ts'
import type { Block, Frame } from '#chain/block/frame.ts'
import { headerFromRlp } from '#chain/header/header-rlp.ts'
import type { Log, Receipt } from '#chain/transaction/receipt.ts'
import { decodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { assert } from '#kernel/assert.ts'
import type { Compress } from '#ports/compress.ts'
import type { ReadTx } from '#ports/storage/key-value.ts'
import { blockSize } from './rows/block-size.ts'
import {
  type Provenance,
  readBody,
  readHeader,
  readReceiptRows,
  readTransactionHashes,
} from './rows/chain-rows.ts'
import { decodeReceipt } from './codec/receipt.ts'
import { copyLog, visitLogs, visitSomeLogs } from './logs/log-rows.ts'
import type { RawBlock, StoredBlock, StoredReceipt } from './snapshot.ts'

type Reads = Pick<ReadTx, 'get' | 'seek' | 'next'>

/** Undefined for a block that is not stored; a genesis or base has no transactions. */
export function readStoredBlock(tx: Reads, number: number, compress: Compress): StoredBlock | undefined {
  const found = readBlock(tx, number, compress)
  if (found === undefined) return undefined
  const transactions = found.block.transactions.map(({ raw }) => raw)
  return { ...found.block, size: blockSize({ ...found.block, transactions }) }
}

export function readRawBlock(
  tx: Reads,
  number: number,
  compress: Compress,
  header = readHeader(tx, number),
): RawBlock | undefined {
  const stored = header && readBody(tx, number, compress)
  const hashes = stored && readTransactionHashes(tx, number)
  if (header === undefined || stored === undefined || hashes === undefined) return undefined
  const block = { header, ...stored.body, ommers: stored.body.ommers.map((rlp) => headerFromRlp(rlp)) }
  return { ...block, hashes, size: blockSize(block) }
}

export function readStoredReceipts(
  tx: Reads,
  number: number,
  compress: Compress,
): readonly StoredReceipt[] | undefined {
  const rows = readReceiptRows(tx, number, compress)
  if (rows === undefined) return undefined
  const logs = readLogs(tx, number)
  let firstLogIndex = 0
  let gasBefore = 0n
  return rows.map(({ logCount, ...row }) => {
    const receipt = {
      ...row,
      logs: logs.slice(firstLogIndex, firstLogIndex + logCount),
      gasUsed: row.cumulativeGasUsed - gasBefore,
      firstLogIndex,
    }
    firstLogIndex += logCount
    gasBefore = row.cumulativeGasUsed
    return receipt
  })
}

/** One receipt of an encoded list, with its own logs. */
export function readStoredReceipt(
  tx: Reads,
  { number, index }: { readonly number: number; readonly index: number },
  list: Uint8Array,
): StoredReceipt | undefined {
  const found = decodeReceipt(list, index)
  if (found === undefined) return undefined
  const { row, gasBefore, firstLogIndex } = found
  const { logCount, ...receipt } = row
  const logs: Log[] = []
  const indexes = Array.from({ length: logCount }, (_, i) => firstLogIndex + i)
  visitSomeLogs(tx, { number, indexes }, (log) => logs.push(copyLog(log)) > 0)
  return { ...receipt, logs, gasUsed: row.cumulativeGasUsed - gasBefore, firstLogIndex }
}

/** The frame of a stored block; `delta` is read last. */
export function readFrame(tx: Reads, number: number, compress: Compress, delta: () => Delta): Frame {
  const found = readBlock(tx, number, compress)
  const stored = readStoredReceipts(tx, number, compress)
  assert(found !== undefined && stored !== undefined, 'a block above the base is stored whole')
  const receipts = stored.map(
    ({ type, outcome, cumulativeGasUsed, logs }): Receipt => ({ type, outcome, cumulativeGasUsed, logs }),
  )
  return { block: found.block, receipts, delta: delta(), ...found.provenance }
}

function readBlock(
  tx: Reads,
  number: number,
  compress: Compress,
): { block: Block; provenance: Provenance } | undefined {
  const header = readHeader(tx, number)
  const stored = header && readBody(tx, number, compress)
  if (header === undefined || stored === undefined) return undefined
  const { senders, transactions, ommers, withdrawals } = stored.body
  const block = {
    header,
    transactions: transactions.map((raw) => decodeTransaction(raw)),
    senders,
    ommers: ommers.map((rlp) => headerFromRlp(rlp)),
  }
  return {
    block: withdrawals === undefined ? block : { ...block, withdrawals },
    provenance: stored.provenance,
  }
}

function readLogs(tx: Reads, number: number): Log[] {
  const logs: Log[] = []
  visitLogs(tx, number, (log) => logs.push(copyLog(log)) > 0)
  return logs
}
