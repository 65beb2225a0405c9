/** eth_estimateGas as geth does it (eth/gasestimator): one run with all the gas, one with what that needed, then a search between. */
import { Lookup, EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { bigintFrom, toHex } from '#kernel/bytes.ts'
import type { CallContext, Caller, CallInput, CallOutcome } from './call.ts'

const TRANSFER_GAS = 21_000n
const CALL_STIPEND = 2_300n
/** EIP-7825: gas of one transaction from Osaka on. */
const TRANSACTION_GAS_MAX = 16_777_216n
/** The search ends when the range is this small a part of its upper end. */
const ERROR_RATIO = 0.015

export type Estimate =
  | { readonly kind: 'estimated'; readonly gas: bigint }
  /** More than the allowance would be needed. */
  | { readonly kind: 'exceeds'; readonly allowance: bigint }
  /** The sender cannot pay for the value. */
  | { readonly kind: 'noFunds' }
  | {
      readonly kind: 'failed'
      readonly outcome: Exclude<CallOutcome, { kind: 'returned' }>
      readonly gas: bigint
    }

export function estimateGas(caller: Caller, input: CallInput, context: CallContext): Estimate {
  const bound = upperBound(input, context)
  if (bound === undefined) return { kind: 'noFunds' }
  const attempt = (gas: bigint): CallOutcome => caller.call({ ...input, gas }, { ...context, gasMax: gas })

  if (isPlainTransfer(input, context) && attempt(TRANSFER_GAS).kind === 'returned')
    return { kind: 'estimated', gas: TRANSFER_GAS }
  const first = attempt(bound)
  if (first.kind !== 'returned') {
    const outOfGas =
      (first.kind === 'halted' && first.reason === 'out of gas') ||
      (first.kind === 'refused' && first.needsGas)
    return outOfGas ? { kind: 'exceeds', allowance: bound } : { kind: 'failed', outcome: first, gas: bound }
  }
  return search(attempt, first, bound)
}

function search(
  attempt: (gas: bigint) => CallOutcome,
  first: Extract<CallOutcome, { kind: 'returned' }>,
  bound: bigint,
): Estimate {
  let low = first.gasUsed - 1n
  let high = bound
  const tryAt = (gas: bigint): Estimate | undefined => {
    const outcome = attempt(gas)
    if (
      outcome.kind === 'timeout' ||
      outcome.kind === 'missing' ||
      (outcome.kind === 'refused' && !outcome.needsGas)
    ) {
      return { kind: 'failed', outcome, gas }
    }
    if (outcome.kind === 'returned') high = gas
    else low = gas
    return undefined
  }
  const optimistic = ((first.gasSpent + CALL_STIPEND) * 64n) / 63n
  if (optimistic < high) {
    const broken = tryAt(optimistic)
    if (broken !== undefined) return broken
  }
  while (low + 1n < high && Number(high - low) / Number(high) >= ERROR_RATIO) {
    let middle = (high + low) / 2n
    // Most transactions need little more than what they use: near the lower end first.
    if (middle > low * 2n) middle = low * 2n
    const broken = tryAt(middle)
    if (broken !== undefined) return broken
  }
  return { kind: 'estimated', gas: high }
}

/** The most gas that the block, the node, the transaction rules and the sender's balance allow; undefined where it cannot pay the value. */
function upperBound(input: CallInput, { header, view, gasMax, rules }: CallContext): bigint | undefined {
  let high = input.gas !== undefined && input.gas >= TRANSFER_GAS ? input.gas : header.gasLimit
  const feeCap = input.gasPrice ?? input.maxFeePerGas ?? 0n
  if (feeCap > 0n) {
    const record = new Uint8Array(72)
    const balance =
      view.account(input.from ?? new Uint8Array(20), record) === Lookup.found
        ? bigintFrom(record.subarray(8, 40))
        : 0n
    const value = input.value ?? 0n
    if (value > 0n && value >= balance) return undefined
    const allowance = (balance - value) / feeCap
    if (high > allowance) high = allowance
  }
  if (rules.fork === 'osaka' && high > TRANSACTION_GAS_MAX) high = TRANSACTION_GAS_MAX
  return high > gasMax ? gasMax : high
}

function isPlainTransfer(
  { to, input, authorizationList, blobVersionedHashes }: CallInput,
  { view }: CallContext,
): boolean {
  if (to === undefined || (input?.length ?? 0) > 0 || authorizationList || blobVersionedHashes) return false
  const record = new Uint8Array(72)
  return view.account(to, record) !== Lookup.found || toHex(record.subarray(40, 72)) === EMPTY_CODE_HASH
}
