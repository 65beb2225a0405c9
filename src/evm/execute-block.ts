/**
 * Executes a whole block over the state of its parent: system calls, transactions, requests, withdrawals or rewards. Gives receipts,
 * requests and the net delta; comparing them with the header is the caller's. Frontier to Osaka; receipts before Byzantium hold
 * intermediate state roots, which need a state trie, so those blocks are refused by name.
 */
import type { Address } from '#chain/block-ref.ts'
import type { Delta } from '#chain/delta.ts'
import { deltaHash } from '#chain/delta-hash.ts'
import type { Block } from '#chain/frame.ts'
import type { Receipt } from '#chain/receipt.ts'
import { isActive, type Rules } from '#chain/rules.ts'
import type { StateView } from '#chain/state-view.ts'
import type { Transaction } from '#chain/transaction.ts'
import { GAS_PER_BLOB } from '#chain/verify-block.ts'
import { type Evm, threadEvm } from '#core/evm.ts'
import type { EvmTransaction } from '#core/evm-values.ts'
import { deltaFrom } from './block-changes.ts'
import { environmentOf } from './environment.ts'
import { collectRequests } from './requests.ts'
import { callBeforeTransactions, type Failure, failureOf } from './system-calls.ts'

export interface ExecutedBlock {
  readonly kind: 'executed'
  readonly receipts: readonly Receipt[]
  /** EIP-7685: type ‖ data each, in the order of their types; undefined before Prague. */
  readonly requests: readonly Uint8Array[] | undefined
  readonly delta: Delta
  readonly deltaHash: Uint8Array
  readonly gasUsed: bigint
}

/**
 * The block breaks the rules (a transaction that cannot be in a block, a failing system call), or this release cannot execute it, or, if
 * `missing` is there, the view lacks that state.
 */
export interface RefusedBlock extends Failure {
  readonly kind: 'refused'
}

const GWEI = 1_000_000_000n
const ETHER = 10n ** 18n
const U64_MAX = (1n << 64n) - 1n
const U128_MAX = (1n << 128n) - 1n
/** The blob base fee is e to this at most: just below 2^128 wei. */
const BLOB_FEE_EXPONENT_MAX = 88n

/** @throws Fault core/trap; what the view throws */
export function executeBlock(block: Block, rules: Rules, view: StateView): ExecutedBlock | RefusedBlock {
  if (!isActive(rules, 'byzantium')) {
    const reason = 'receipts before Byzantium hold state roots, which this release does not compute'
    return { kind: 'refused', reason }
  }
  return executeAnyBlock(block, rules, view)
}

/** The same without refusing old forks: their receipts then have a status in place of a root, so only gas, logs and state are right. */
export function executeAnyBlock(block: Block, rules: Rules, view: StateView): ExecutedBlock | RefusedBlock {
  const impossible = impossibleHeader(block, rules)
  if (impossible !== undefined) return { kind: 'refused', ...impossible }
  const evm = threadEvm()
  evm.bind(view, environmentOf(block.header, rules, 'transaction'))
  evm.begin()
  const run = runBlock(evm, block, rules)
  if ('reason' in run) {
    evm.abandon()
    return { kind: 'refused', ...run }
  }
  const delta = deltaFrom(evm.finish(), view, rules)
  const gasUsed = run.receipts.at(-1)?.cumulativeGasUsed ?? 0n
  return { kind: 'executed', ...run, delta, deltaHash: deltaHash(delta), gasUsed }
}

function runBlock(
  evm: Evm,
  block: Block,
  rules: Rules,
): Failure | Pick<ExecutedBlock, 'receipts' | 'requests'> {
  const before = callBeforeTransactions(evm, block.header, rules)
  if (before !== undefined) return before
  const receipts: Receipt[] = []
  for (const [i] of block.transactions.entries()) {
    const failure = transact(evm, block, i, receipts)
    if (failure !== undefined) return failure
  }
  const requests = isActive(rules, 'prague') ? collectRequests(evm, receipts, rules) : undefined
  if (requests !== undefined && 'reason' in requests) return requests
  return (
    credit(evm, isActive(rules, 'merge') ? withdrawals(block) : rewards(block, rules)) ?? {
      receipts,
      requests,
    }
  )
}

/** Appends the receipt of transaction `i`. */
function transact(evm: Evm, block: Block, i: number, receipts: Receipt[]): Failure | undefined {
  const transaction = block.transactions[i] as Transaction
  const before = receipts.at(-1)?.cumulativeGasUsed ?? 0n
  if (before + transaction.gasLimit > block.header.gasLimit)
    return { reason: `transaction ${i} cannot be in the block: gas limit reached` }
  const wanted = transactionFor(transaction, block.senders[i] as Address)
  if (isImpossible(wanted)) return { reason: `transaction ${i} has a price or chain id beyond all bounds` }
  const outcome = evm.transact(wanted)
  if (outcome.kind === 'invalid' || outcome.kind === 'missing' || outcome.kind === 'timeout')
    return failureOf(`transaction ${i}`, outcome)
  receipts.push({
    type: transaction.type,
    outcome: { status: outcome.kind === 'success' ? 1 : 0 },
    cumulativeGasUsed: before + outcome.gasUsed,
    logs: outcome.kind === 'success' ? outcome.logs : [],
  })
  return undefined
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

function isImpossible({
  gasPrice,
  priorityFee = 0n,
  maxFeePerBlobGas = 0n,
  chainId = 0n,
}: EvmTransaction): boolean {
  return [gasPrice, priorityFee, maxFeePerBlobGas].some((price) => price > U128_MAX) || chainId > U64_MAX
}

interface Credit {
  readonly address: Address
  readonly wei: bigint
}

/** A credit of nothing would create nothing (EIP-161), so it is left out. */
function credit(evm: Evm, credits: readonly Credit[]): Failure | undefined {
  for (const { address, wei } of credits) {
    if (wei === 0n) continue
    const outcome = evm.credit(address, wei)
    if (outcome !== 'credited') return failureOf('a withdrawal or reward', outcome)
  }
  return undefined
}

/** EIP-4895. */
function withdrawals({ withdrawals: list = [] }: Block): Credit[] {
  return list.map(({ address, amount }) => ({ address, wei: amount * GWEI }))
}

/** Proof of work: Yellow Paper §11.3, EIP-649, EIP-1234. */
function rewards({ header, ommers }: Block, rules: Rules): Credit[] {
  const reward = ETHER * (isActive(rules, 'constantinople') ? 2n : isActive(rules, 'byzantium') ? 3n : 5n)
  return [
    { address: header.beneficiary, wei: reward + (reward / 32n) * BigInt(ommers.length) },
    ...ommers.map((ommer) => ({
      address: ommer.beneficiary,
      wei: (reward * BigInt(8 - (header.number - ommer.number))) / 8n,
    })),
  ]
}

/** A block's transaction as the core takes it. */
function transactionFor(t: Transaction, from: Address): EvmTransaction {
  const { type, to, gasLimit: gas, value, nonce, chainId, data } = t
  return {
    type,
    from,
    ...(to && { to }),
    gas,
    ...('gasPrice' in t
      ? { gasPrice: t.gasPrice }
      : { gasPrice: t.maxFeePerGas, priorityFee: t.maxPriorityFeePerGas }),
    value,
    nonce,
    ...(chainId !== undefined && { chainId }),
    data,
    ...('accessList' in t && { accessList: t.accessList }),
    ...(t.type === 3 && { blobHashes: t.blobVersionedHashes, maxFeePerBlobGas: t.maxFeePerBlobGas }),
    ...(t.type === 4 && { authorizationList: t.authorizationList }),
  }
}
