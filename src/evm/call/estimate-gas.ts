/** eth_estimateGas as geth does it (eth/gasestimator): one run with all the gas, one with what that needed, then a search between. */
import { ACCOUNT_BYTES, EMPTY_CODE_HASH, Lookup } from '#chain/state-view.ts'
import { GAS_PER_BLOB } from '#chain/block/verify-block.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import { toHex } from '#kernel/bytes.ts'
import type { EvmEnvironment } from '#core/evm-values.ts'
import type { CallContext, Caller, CallInput, CallOutcome } from './call.ts'
import { environmentOf } from '#evm/environment.ts'
import { TRANSACTION_GAS } from '#evm/intrinsic-gas.ts'
import { contradiction } from '#evm/message.ts'
import { balanceOf, type Missing } from '#evm/pre-check.ts'

const CALL_STIPEND = 2_300n
/** EIP-7825: gas of one transaction from Osaka on. */
const TRANSACTION_GAS_MAX = 16_777_216n
/** The search ends when the range is a smaller part of its upper end than this. */
const ERROR_RATIO = 0.015

type Returned = Extract<CallOutcome, { kind: 'returned' }>
type Failed = {
  readonly kind: 'failed'
  readonly outcome: Exclude<CallOutcome, Returned>
  readonly gas: bigint
}

export type Estimate =
  | { readonly kind: 'estimated'; readonly gas: bigint }
  /** `gas required exceeds allowance (N)`. */
  | { readonly kind: 'exceeds'; readonly allowance: bigint }
  /** The sender cannot pay for the value or the blobs, in geth's words. */
  | { readonly kind: 'noFunds'; readonly reason: string }
  /** With `gas` it ended so. A refusal is geth's `failed with <gas> gas: <reason>`. */
  | Failed

export function estimateGas(caller: Caller, input: CallInput, context: CallContext): Estimate {
  const environment = context.environment ?? environmentOf(context.header, context.rules, 'call')
  const contradictory = contradiction(input, environment)
  if (contradictory !== undefined) return { kind: 'failed', outcome: contradictory, gas: 0n }
  const bound = upperBound(input, context, environment)
  if (typeof bound !== 'bigint')
    return bound.kind === 'missing' ? { kind: 'failed', outcome: bound, gas: 0n } : bound
  const attempt = (gas: bigint): CallOutcome => caller.call({ ...input, gas }, { ...context, gasMax: gas })

  if (isPlainTransfer(input, context)) {
    const transfer = attempt(TRANSACTION_GAS)
    if (transfer.kind === 'returned') return { kind: 'estimated', gas: transfer.gasUsed }
  }
  const first = attempt(bound)
  if (first.kind !== 'returned') {
    const outOfGas =
      (first.kind === 'halted' && first.reason.startsWith('out of gas')) ||
      (first.kind === 'refused' && first.needsGas)
    return outOfGas ? { kind: 'exceeds', allowance: bound } : { kind: 'failed', outcome: first, gas: bound }
  }
  return search(attempt, first, bound)
}

function search(attempt: (gas: bigint) => CallOutcome, first: Returned, bound: bigint): Estimate {
  // What ran with all the gas used this much; one less cannot do, but for code that looks at the gas it has.
  let low = first.gasUsed - 1n
  let high = bound
  const tryAt = (gas: bigint): Failed | undefined => {
    const outcome = attempt(gas)
    if (outcome.kind === 'timeout' || outcome.kind === 'missing') return { kind: 'failed', outcome, gas }
    if (outcome.kind === 'refused' && !outcome.needsGas) return { kind: 'failed', outcome, gas }
    if (outcome.kind === 'returned') high = gas
    else low = gas
    return undefined
  }
  // The peak: before refunds, and not below the floor of EIP-7623, which gasUsed has in it.
  const peak = first.gasSpent > first.gasUsed ? first.gasSpent : first.gasUsed
  const optimistic = ((peak + CALL_STIPEND) * 64n) / 63n
  if (optimistic < high) {
    const failed = tryAt(optimistic)
    if (failed !== undefined) return failed
  }
  while (low + 1n < high && Number(high - low) / Number(high) >= ERROR_RATIO) {
    const middle = low + (high - low) / 2n
    // Most transactions need little more than what they use: near the lower end first.
    const failed = tryAt(middle > low * 2n ? low * 2n : middle)
    if (failed !== undefined) return failed
  }
  return { kind: 'estimated', gas: high }
}

/** The most gas that the block, the rules, the sender's balance and the node allow. */
function upperBound(
  input: CallInput,
  context: CallContext,
  { legacyFees }: EvmEnvironment,
): bigint | Missing | Extract<Estimate, { kind: 'noFunds' }> {
  const { rules, view, gasMax, isTransactionCapped = isCapped(rules) } = context
  let high = input.gas !== undefined && input.gas >= TRANSACTION_GAS ? input.gas : blockGas(context)
  if (isTransactionCapped) high = smaller(high, TRANSACTION_GAS_MAX)
  const feeCap = input.gasPrice ?? (legacyFees === true ? 0n : (input.maxFeePerGas ?? 0n))
  if (feeCap > 0n) {
    const balance = balanceOf(input.from ?? new Uint8Array(20), view)
    if (typeof balance !== 'bigint') return balance
    const { value = 0n, blobVersionedHashes: blobs = [], maxFeePerBlobGas = 0n } = input
    // As in geth, a balance that is just enough is too little, and so is none for a value of none.
    if (value >= balance) return { kind: 'noFunds', reason: 'insufficient funds for transfer' }
    const blobCost = BigInt(blobs.length) * GAS_PER_BLOB * maxFeePerBlobGas
    if (blobs.length > 0 && blobCost >= balance - value)
      return { kind: 'noFunds', reason: 'insufficient funds for gas * price + value' }
    high = smaller(high, (balance - value - blobCost) / feeCap)
  }
  return smaller(high, gasMax)
}

/** EIP-7825; from Amsterdam on the cap is of execution alone (EIP-8037). */
export function isCapped(rules: Rules): boolean {
  return isActive(rules, 'osaka') && !isActive(rules, 'amsterdam')
}

function blockGas({ environment, header }: CallContext): bigint {
  return environment?.gasLimit ?? header.gasLimit
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function isPlainTransfer({ to, input = new Uint8Array(0) }: CallInput, { view }: CallContext): boolean {
  if (to === undefined || input.length > 0) return false
  const account = new Uint8Array(ACCOUNT_BYTES)
  return view.account(to, account) !== Lookup.found || toHex(account, 40) === EMPTY_CODE_HASH
}
