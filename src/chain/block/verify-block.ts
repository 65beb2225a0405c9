/** Does a block hold what its header commits to? Each check names the field that differs first. */
import { keccak256 } from '#core/keccak.ts'
import { equalBytes, toHex } from '#kernel/bytes.ts'
import type { Block } from './frame.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { commitToReceipts, ommersHash, requestsHash, transactionsRoot, withdrawalsRoot } from './roots.ts'

export interface Difference {
  /** The header's field. */
  readonly field: string
  /** What the header says. */
  readonly expected: string
  readonly computed: string
}

/** Gas of one blob (EIP-4844). */
export const GAS_PER_BLOB = 131_072n

/** The lists of a block, before it is executed. */
export function blockDifference({
  header,
  transactions,
  ommers,
  withdrawals,
}: Block): Difference | undefined {
  const blobs = transactions.reduce((n, t) => n + (t.type === 3 ? t.blobVersionedHashes.length : 0), 0)
  return (
    bytesDiffer('transactionsRoot', header.transactionsRoot, transactionsRoot(transactions)) ??
    bytesDiffer('ommersHash', header.ommersHash, ommersHash(ommers)) ??
    bytesDiffer('withdrawalsRoot', header.withdrawalsRoot, withdrawals && withdrawalsRoot(withdrawals)) ??
    numbersDiffer('blobGasUsed', header.blobGasUsed ?? 0n, BigInt(blobs) * GAS_PER_BLOB)
  )
}

/** Receipts alone: what a reader of frames, who executes nothing, can recompute. */
export function receiptsDifference({ header }: Block, receipts: readonly Receipt[]): Difference | undefined {
  const gasUsed = receipts.at(-1)?.cumulativeGasUsed ?? 0n
  const { root, bloom } = commitToReceipts(receipts)
  return (
    // From Amsterdam on a block's gas is the larger of two sums that receipts do not hold (EIP-8037).
    (header.blockAccessListHash === undefined
      ? numbersDiffer('gasUsed', header.gasUsed, gasUsed)
      : undefined) ??
    bytesDiffer('receiptsRoot', header.receiptsRoot, root) ??
    bytesDiffer('logsBloom', header.logsBloom, bloom)
  )
}

/** What execution gives. */
export interface Executed {
  readonly receipts: readonly Receipt[]
  /** From Prague on (EIP-7685). */
  readonly requests: readonly Uint8Array[] | undefined
  /** The block's, as its rules count it. */
  readonly gasUsed: bigint
  /** RLP, from Amsterdam on (EIP-7928). */
  readonly accessList?: Uint8Array
}

export function executionDifference(
  block: Block,
  { receipts, requests, gasUsed, accessList }: Executed,
): Difference | undefined {
  return (
    numbersDiffer('gasUsed', block.header.gasUsed, gasUsed) ??
    receiptsDifference(block, receipts) ??
    bytesDiffer('requestsHash', block.header.requestsHash, requests && requestsHash(requests)) ??
    bytesDiffer('blockAccessListHash', block.header.blockAccessListHash, accessList && keccak256(accessList))
  )
}

function bytesDiffer(
  field: string,
  expected: Uint8Array | undefined,
  computed: Uint8Array | undefined,
): Difference | undefined {
  if (expected === undefined && computed === undefined) return undefined
  if (expected !== undefined && computed !== undefined && equalBytes(expected, computed)) return undefined
  return {
    field,
    expected: expected ? toHex(expected) : 'none',
    computed: computed ? toHex(computed) : 'none',
  }
}

function numbersDiffer(field: string, expected: bigint, computed: bigint): Difference | undefined {
  return expected === computed ? undefined : { field, expected: String(expected), computed: String(computed) }
}
