/** Blocks, transactions, receipts and logs as JSON values, field by field as geth 1.17 writes them. */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { logsBloom } from '#chain/transaction/bloom.ts'
import type { Withdrawal } from '#chain/block/frame.ts'
import type { Header } from '#chain/header/header.ts'
import type { Log, Receipt } from '#chain/transaction/receipt.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import { yParityOf } from '#chain/transaction/transaction-rlp.ts'
import { GAS_PER_BLOB } from '#chain/block/verify-block.ts'
import { type Hex, toHex } from '#kernel/bytes.ts'

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

export function quantityText(value: bigint | number): Hex {
  return `0x${value.toString(16)}`
}

/** Of a big-endian integer; no bytes are zero. */
export function quantityOfBytes(bytes: Uint8Array, from = 0, to = bytes.length): Hex {
  let first = from
  while (first < to && bytes[first] === 0) first++
  if (first === to) return '0x0'
  const text = toHex(bytes, first, to)
  return text[2] === '0' ? `0x${text.slice(3)}` : text
}

/** Where a transaction or log stands. */
export interface Place {
  readonly blockHash: BlockHash
  readonly blockNumber: number
  /** Seconds. */
  readonly timestamp: number
}

export function placeOf(header: Header): Place {
  return { blockHash: header.hash, blockNumber: header.number, timestamp: header.timestamp }
}

export interface BlockParts {
  readonly header: Header
  readonly transactions: readonly Transaction[]
  readonly senders: readonly Uint8Array[]
  readonly ommers: readonly Header[]
  readonly withdrawals?: readonly Withdrawal[]
  readonly size: number
}

export function blockJson(block: BlockParts, transactions: 'full' | 'hashes'): Json {
  const { header } = block
  return {
    ...headerJson(header),
    size: quantityText(block.size),
    transactions:
      transactions === 'hashes'
        ? block.transactions.map(({ hash }) => toHex(hash))
        : block.transactions.map((transaction, i) =>
            transactionJson(transaction, block.senders[i] as Uint8Array, header, i),
          ),
    uncles: block.ommers.map(({ hash }) => hash),
    ...(block.withdrawals && { withdrawals: block.withdrawals.map(withdrawalJson) }),
  }
}

export function headerJson(h: Header): { [key: string]: Json } {
  const later: { [key: string]: Json } = {}
  if (h.baseFeePerGas !== undefined) later['baseFeePerGas'] = quantityText(h.baseFeePerGas)
  if (h.withdrawalsRoot !== undefined) later['withdrawalsRoot'] = toHex(h.withdrawalsRoot)
  if (h.blobGasUsed !== undefined) later['blobGasUsed'] = quantityText(h.blobGasUsed)
  if (h.excessBlobGas !== undefined) later['excessBlobGas'] = quantityText(h.excessBlobGas)
  if (h.parentBeaconBlockRoot !== undefined) later['parentBeaconBlockRoot'] = toHex(h.parentBeaconBlockRoot)
  if (h.requestsHash !== undefined) later['requestsHash'] = toHex(h.requestsHash)
  if (h.blockAccessListHash !== undefined) later['blockAccessListHash'] = toHex(h.blockAccessListHash)
  if (h.slotNumber !== undefined) later['slotNumber'] = quantityText(h.slotNumber)
  return {
    number: quantityText(h.number),
    hash: h.hash,
    parentHash: h.parentHash,
    nonce: toHex(h.nonce),
    mixHash: toHex(h.mixHash),
    sha3Uncles: toHex(h.ommersHash),
    logsBloom: toHex(h.logsBloom),
    stateRoot: toHex(h.stateRoot),
    miner: toHex(h.beneficiary),
    difficulty: quantityText(h.difficulty),
    extraData: toHex(h.extraData),
    gasLimit: quantityText(h.gasLimit),
    gasUsed: quantityText(h.gasUsed),
    timestamp: quantityText(h.timestamp),
    transactionsRoot: toHex(h.transactionsRoot),
    receiptsRoot: toHex(h.receiptsRoot),
    ...later,
  }
}

/** An ommer as geth shows one: a block of nothing but its header. */
export function ommerJson(ommer: Header): Json {
  // Two empty lists, and the prefix of a list whose length takes two bytes, as that of every header does.
  return { ...headerJson(ommer), size: quantityText(3 + ommer.rlp.length + 2), uncles: [] }
}

export function withdrawalJson({ index, validatorIndex, address, amount }: Withdrawal): Json {
  return {
    index: quantityText(index),
    validatorIndex: quantityText(validatorIndex),
    address: toHex(address),
    amount: quantityText(amount),
  }
}

/** What the sender paid per gas in a block with this base fee. */
export function effectiveGasPrice(t: Transaction, baseFee: bigint | undefined): bigint {
  if (t.type < 2) return (t as { gasPrice: bigint }).gasPrice
  const { maxFeePerGas, maxPriorityFeePerGas } = t as { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }
  const price = (baseFee ?? 0n) + maxPriorityFeePerGas
  return price < maxFeePerGas ? price : maxFeePerGas
}

export function transactionJson(t: Transaction, sender: Uint8Array, header: Header, index: number): Json {
  return {
    blockHash: header.hash,
    blockNumber: quantityText(header.number),
    blockTimestamp: quantityText(header.timestamp),
    from: toHex(sender),
    gas: quantityText(t.gasLimit),
    gasPrice: quantityText(effectiveGasPrice(t, header.baseFeePerGas)),
    hash: toHex(t.hash),
    input: toHex(t.data),
    nonce: quantityText(t.nonce),
    to: t.to === undefined ? null : toHex(t.to),
    transactionIndex: quantityText(index),
    value: quantityText(t.value),
    type: quantityText(t.type),
    ...typedFields(t),
    v: quantityText(t.v),
    r: quantityText(t.r),
    s: quantityText(t.s),
    ...(t.type === 0 ? {} : { yParity: quantityText(yParityOf(t)) }),
  }
}

function typedFields(t: Transaction): { [key: string]: Json } {
  const out: { [key: string]: Json } = {}
  if (t.chainId !== undefined) out['chainId'] = quantityText(t.chainId)
  if (t.type === 0) return out
  out['accessList'] = t.accessList.map(({ address, storageKeys }) => ({
    address: toHex(address),
    storageKeys: storageKeys.map((key) => toHex(key)),
  }))
  if (t.type === 1) return out
  out['maxFeePerGas'] = quantityText(t.maxFeePerGas)
  out['maxPriorityFeePerGas'] = quantityText(t.maxPriorityFeePerGas)
  if (t.type === 3) {
    out['maxFeePerBlobGas'] = quantityText(t.maxFeePerBlobGas)
    out['blobVersionedHashes'] = t.blobVersionedHashes.map((hash) => toHex(hash))
  }
  if (t.type === 4) {
    out['authorizationList'] = t.authorizationList.map((a) => ({
      chainId: quantityText(a.chainId),
      address: toHex(a.address),
      nonce: quantityText(a.nonce),
      yParity: quantityText(a.yParity),
      r: quantityText(a.r),
      s: quantityText(a.s),
    }))
  }
  return out
}

export interface ReceiptParts {
  readonly header: Header
  readonly transaction: Transaction
  readonly sender: Uint8Array
  readonly index: number
  readonly receipt: Receipt & {
    readonly gasUsed: bigint
    readonly contractAddress?: Uint8Array
    readonly firstLogIndex: number
  }
  /** Wei per blob gas in this block. */
  readonly blobGasPrice: bigint | undefined
}

export function receiptJson({
  header,
  transaction,
  sender,
  index,
  receipt,
  blobGasPrice,
}: ReceiptParts): Json {
  const transactionHash = toHex(transaction.hash)
  const place = placeOf(header)
  return {
    blockHash: header.hash,
    blockNumber: quantityText(header.number),
    transactionHash,
    transactionIndex: quantityText(index),
    from: toHex(sender),
    to: transaction.to === undefined ? null : toHex(transaction.to),
    gasUsed: quantityText(receipt.gasUsed),
    cumulativeGasUsed: quantityText(receipt.cumulativeGasUsed),
    contractAddress: receipt.contractAddress === undefined ? null : toHex(receipt.contractAddress),
    logs: receipt.logs.map((log, i) =>
      logJson(log, place, transactionHash, index, receipt.firstLogIndex + i),
    ),
    logsBloom: toHex(logsBloom(receipt.logs)),
    type: quantityText(receipt.type),
    effectiveGasPrice: quantityText(effectiveGasPrice(transaction, header.baseFeePerGas)),
    ...('status' in receipt.outcome
      ? { status: quantityText(receipt.outcome.status) }
      : { root: toHex(receipt.outcome.stateRoot) }),
    ...(transaction.type === 3 && blobGasPrice !== undefined
      ? {
          blobGasUsed: quantityText(BigInt(transaction.blobVersionedHashes.length) * GAS_PER_BLOB),
          blobGasPrice: quantityText(blobGasPrice),
        }
      : {}),
  }
}

export function logJson(
  log: Log,
  place: Place,
  transactionHash: Hex,
  transactionIndex: number,
  logIndex: number,
): Json {
  return {
    address: toHex(log.address),
    topics: log.topics.map((topic) => toHex(topic)),
    data: toHex(log.data),
    blockNumber: quantityText(place.blockNumber),
    transactionHash,
    transactionIndex: quantityText(transactionIndex),
    blockHash: place.blockHash,
    blockTimestamp: quantityText(place.timestamp),
    logIndex: quantityText(logIndex),
    removed: false,
  }
}
