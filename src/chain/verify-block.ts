/** Does a block hold what its header commits to? Each check names the field that differs first. */
import { equalBytes, toHex } from '#kernel/bytes.ts'
import { addToBloom } from './bloom.ts'
import type { Block } from './frame.ts'
import type { Receipt } from './receipt.ts'
import { ommersHash, receiptsRoot, requestsHash, transactionsRoot, withdrawalsRoot } from './roots.ts'
import { trieRoot } from './trie-root.ts'

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
    ((withdrawals === undefined) === (header.withdrawalsRoot === undefined)
      ? undefined
      : {
          field: 'withdrawalsRoot',
          expected: header.withdrawalsRoot ? 'a list' : 'none',
          computed: withdrawals ? 'a list' : 'none',
        }) ??
    bytesDiffer('withdrawalsRoot', header.withdrawalsRoot, withdrawals && withdrawalsRoot(withdrawals)) ??
    (header.blobGasUsed === undefined
      ? undefined
      : numbersDiffer('blobGasUsed', header.blobGasUsed, BigInt(blobs) * GAS_PER_BLOB))
  )
}

/** What execution gave. `requests` where the header commits to them (EIP-7685). */
export function executionDifference(
  { header }: Block,
  receipts: readonly Receipt[],
  requests: readonly Uint8Array[] | undefined,
): Difference | undefined {
  const gasUsed = receipts.at(-1)?.cumulativeGasUsed ?? 0n
  return (
    numbersDiffer('gasUsed', header.gasUsed, gasUsed) ??
    bytesDiffer(
      'receiptsRoot',
      header.receiptsRoot,
      receipts.length === 0 ? trieRoot([]) : receiptsRoot(receipts),
    ) ??
    bytesDiffer('logsBloom', header.logsBloom, blockBloom(receipts)) ??
    (requests === undefined
      ? undefined
      : bytesDiffer('requestsHash', header.requestsHash, requestsHash(requests)))
  )
}

function blockBloom(receipts: readonly Receipt[]): Uint8Array {
  const bloom = new Uint8Array(256)
  for (const { logs } of receipts) {
    for (const log of logs) {
      addToBloom(bloom, log.address)
      for (const topic of log.topics) addToBloom(bloom, topic)
    }
  }
  return bloom
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
