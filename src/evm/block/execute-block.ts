/**
 * Executes a whole block over the state of its parent: system calls, transactions, requests, withdrawals or rewards. Gives receipts,
 * requests and the net delta; comparing them with the header is the caller's. Frontier to Amsterdam; receipts before Byzantium hold
 * intermediate state roots, so those blocks need the parent's state trie.
 */
import type { Delta } from '#chain/delta/delta.ts'
import { deltaHash } from '#chain/delta/delta-hash.ts'
import type { Block } from '#chain/block/frame.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import type { StateView } from '#chain/state-view.ts'
import type { TrieReader } from '#chain/trie/rows.ts'
import { GAS_PER_BLOB } from '#chain/block/verify-block.ts'
import { type Evm, threadEvm } from '#core/evm.ts'
import { deltaFrom } from './block-changes.ts'
import { creditBlock } from './block-credits.ts'
import { needsSteps, type Run, runInSteps } from './block-steps.ts'
import { transact } from './block-transaction.ts'
import { environmentOf } from '#evm/environment.ts'
import { collectRequests } from './requests.ts'
import { callBeforeTransactions, type Failure } from './system-calls.ts'

export interface ExecutedBlock {
  readonly kind: 'executed'
  readonly receipts: readonly Receipt[]
  /** EIP-7685: type ‖ data each, in the order of their types; undefined before Prague. */
  readonly requests: readonly Uint8Array[] | undefined
  readonly delta: Delta
  readonly deltaHash: Uint8Array
  readonly gasUsed: bigint
  /** RLP of its access list (EIP-7928), from Amsterdam on. */
  readonly accessList?: Uint8Array
}

/**
 * The block breaks the rules (a transaction that cannot be in a block, a failing system call), or this release cannot execute it, or, if
 * `missing` is there, the view lacks that state.
 */
export interface RefusedBlock extends Failure {
  readonly kind: 'refused'
}

const U64_MAX = (1n << 64n) - 1n
/** The blob base fee is e to this at most: just below 2^128 wei. */
const BLOB_FEE_EXPONENT_MAX = 88n

/**
 * @param trie the rows of the parent's state trie, for receipts before Byzantium (refused without)
 * @throws Fault core/trap; what the view throws
 */
export function executeBlock(
  block: Block,
  rules: Rules,
  view: StateView,
  trie?: TrieReader,
): ExecutedBlock | RefusedBlock {
  const impossible = impossibleHeader(block, rules)
  if (impossible !== undefined) return { kind: 'refused', ...impossible }
  const run = needsSteps(rules) ? runInSteps(block, rules, view, trie) : runAtOnce(block, rules, view)
  if ('reason' in run) return { kind: 'refused', ...run }
  return { kind: 'executed', ...run, deltaHash: deltaHash(run.delta) }
}

function runAtOnce(block: Block, rules: Rules, view: StateView): Failure | Run {
  const evm = threadEvm()
  evm.bind(view, environmentOf(block.header, rules, 'transaction'))
  evm.begin()
  const run = runBlock(evm, block, rules)
  if ('reason' in run) {
    evm.abandon()
    return run
  }
  const changes = evm.finish()
  const { accessList } = changes
  return { ...run, delta: deltaFrom(changes, view, rules), ...(accessList && { accessList }) }
}

function runBlock(evm: Evm, block: Block, rules: Rules): Failure | Omit<Run, 'delta'> {
  const before = callBeforeTransactions(evm, block.header, rules)
  if (before !== undefined) return before
  const receipts: Receipt[] = []
  const gas = { regular: 0n, state: 0n }
  for (const [i] of block.transactions.entries()) {
    evm.accessIndex(i + 1)
    const failure = transact(evm, block, i, { receipts, gas }, rules)
    if (failure !== undefined) return failure
  }
  evm.accessIndex(block.transactions.length + 1)
  const requests = isActive(rules, 'prague') ? collectRequests(evm, receipts, rules) : undefined
  if (requests !== undefined && 'reason' in requests) return requests
  const larger = gas.regular > gas.state ? gas.regular : gas.state
  const gasUsed = isActive(rules, 'amsterdam') ? larger : (receipts.at(-1)?.cumulativeGasUsed ?? 0n)
  return creditBlock(evm, block, rules) ?? { receipts, requests, gasUsed }
}

/** Numbers that no chain reaches, and that the core does not count in; and more blobs than the fork allows (EIP-4844). */
function impossibleHeader({ header }: Block, { blob }: Rules): Failure | undefined {
  const { gasLimit, baseFeePerGas = 0n, blobGasUsed = 0n, excessBlobGas = 0n } = header
  if (gasLimit > U64_MAX || baseFeePerGas > U64_MAX)
    return { reason: 'the header has a gas limit or base fee above 64 bits' }
  if (blob === undefined) return undefined
  if (excessBlobGas > blob.baseFeeUpdateFraction * BLOB_FEE_EXPONENT_MAX)
    return { reason: 'the header has a blob base fee above 128 bits' }
  if (blobGasUsed <= BigInt(blob.max) * GAS_PER_BLOB) return undefined
  return { reason: `the block has more than ${blob.max} blobs` }
}
