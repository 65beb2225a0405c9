/** One transaction of a block, in the EVM session that is open. */
import type { Address } from '#chain/block/block-ref.ts'
import type { Block } from '#chain/block/frame.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import type { Evm } from '#core/evm.ts'
import type { EvmTransaction } from '#core/evm-values.ts'
import { type Failure, failureOf } from './system-calls.ts'

const U64_MAX = (1n << 64n) - 1n
const U128_MAX = (1n << 128n) - 1n

/** What a block counts of its transactions' gas, beside what receipts say (EIP-8037). */
export interface BlockGas {
  regular: bigint
  state: bigint
}

/** Appends the receipt of transaction `i`, and adds to the block's gas. */
export function transact(
  evm: Evm,
  block: Block,
  i: number,
  made: { readonly receipts: Receipt[]; readonly gas: BlockGas },
  rules: Rules,
): Failure | undefined {
  const transaction = block.transactions[i] as Transaction
  const { receipts, gas } = made
  const before = receipts.at(-1)?.cumulativeGasUsed ?? 0n
  // Of Amsterdam's two sums a transaction may fill each by another part of its limit (EIP-8037): which blocks it is in the client has decided.
  if (!isActive(rules, 'amsterdam') && before + transaction.gasLimit > block.header.gasLimit)
    return { reason: `transaction ${i} cannot be in the block: gas limit reached` }
  const wanted = transactionFor(transaction, block.senders[i] as Address)
  if (isImpossible(wanted)) return { reason: `transaction ${i} has a price or chain id beyond all bounds` }
  const outcome = evm.transact(wanted)
  if (outcome.kind === 'invalid' || outcome.kind === 'missing' || outcome.kind === 'timeout')
    return failureOf(`transaction ${i}`, outcome)
  gas.regular += outcome.blockGas.regular
  gas.state += outcome.blockGas.state
  receipts.push({
    type: transaction.type,
    outcome: { status: outcome.kind === 'success' ? 1 : 0 },
    cumulativeGasUsed: before + outcome.gasUsed,
    logs: outcome.kind === 'success' ? outcome.logs : [],
  })
  return undefined
}

function isImpossible({
  gasPrice,
  priorityFee = 0n,
  maxFeePerBlobGas = 0n,
  chainId = 0n,
}: EvmTransaction): boolean {
  return [gasPrice, priorityFee, maxFeePerBlobGas].some((price) => price > U128_MAX) || chainId > U64_MAX
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
