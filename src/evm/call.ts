/**
 * Calls at a block, as geth's eth_call makes them: nobody signs, gas is capped, the gas price is zero unless given (and then so is the base
 * fee that the code sees), nonces are not checked, the balance is. A caller belongs to one thread and keeps one EVM instance.
 */
import type { Header } from '#chain/header.ts'
import type { Rules } from '#chain/rules.ts'
import { Lookup, type StateView } from '#chain/state-view.ts'
import type { AccessListItem, Authorization } from '#chain/transaction.ts'
import { checksumText } from '#chain/checksum.ts'
import { createEvm, type Evm } from '#core/evm.ts'
import type { EvmTransaction } from '#core/evm-values.ts'
import { bigintFrom } from '#kernel/bytes.ts'
import { environmentOf } from './environment.ts'
import { haltText, refusalText } from './geth-words.ts'

export interface CallInput {
  readonly from?: Uint8Array
  readonly to?: Uint8Array
  readonly gas?: bigint
  readonly gasPrice?: bigint
  readonly maxFeePerGas?: bigint
  readonly maxPriorityFeePerGas?: bigint
  readonly value?: bigint
  readonly nonce?: bigint
  readonly input?: Uint8Array
  readonly accessList?: readonly AccessListItem[]
  readonly maxFeePerBlobGas?: bigint
  readonly blobVersionedHashes?: readonly Uint8Array[]
  readonly authorizationList?: readonly Authorization[]
}

export interface CallContext {
  readonly view: StateView
  readonly header: Header
  readonly rules: Rules
  /** Gas that a call may use at most; a larger wish is cut, silently, as geth does. */
  readonly gasMax: bigint
  /** True when the time for this call is over. */
  readonly expired: () => boolean
}

export type CallOutcome =
  | {
      readonly kind: 'returned'
      readonly output: Uint8Array
      readonly gasUsed: bigint
      /** Before refunds: what must have been there. */
      readonly gasSpent: bigint
    }
  | { readonly kind: 'reverted'; readonly output: Uint8Array; readonly gasUsed: bigint }
  /** The code failed, in geth's words. */
  | { readonly kind: 'halted'; readonly reason: string; readonly gasUsed: bigint }
  /** It cannot run at all, in geth's words. `needsGas`: more gas would let it. */
  | { readonly kind: 'refused'; readonly reason: string; readonly needsGas: boolean }
  | { readonly kind: 'timeout' }
  /** This store does not have all the state that it reads. */
  | { readonly kind: 'missing' }

export interface Caller {
  /** @throws Fault core/trap; what the view throws */
  call(input: CallInput, context: CallContext): CallOutcome
}

export function createCaller(): Caller {
  const evm = createEvm()
  return { call: (input, context) => run(evm, input, context) }
}

const ZERO_ADDRESS = new Uint8Array(20)

function run(evm: Evm, input: CallInput, context: CallContext): CallOutcome {
  const { header, view } = context
  const transaction = transactionOf(input, context)
  const refusal = feeRefusal(transaction, header) ?? fundsRefusal(transaction, view)
  if (refusal !== undefined) return { kind: 'refused', reason: refusal, needsGas: false }

  const environment = environmentOf(header, context.rules, 'call')
  // geth shows a base fee of zero to a call that pays nothing.
  const shown = transaction.gasPrice === 0n ? { ...environment, baseFee: 0n } : environment
  evm.bind(view, shown, context.expired)
  const outcome = evm.call(transaction)
  switch (outcome.kind) {
    case 'success':
      return {
        kind: 'returned',
        output: outcome.output,
        gasUsed: outcome.gasUsed,
        gasSpent: outcome.gasSpent,
      }
    case 'revert':
      return { kind: 'reverted', output: outcome.output, gasUsed: outcome.gasUsed }
    case 'halt':
      return { kind: 'halted', reason: haltText(outcome.reason), gasUsed: outcome.gasUsed }
    case 'invalid': {
      const { text, needsGas } = refusalText(outcome.reason)
      return { kind: 'refused', reason: text, needsGas }
    }
    case 'timeout':
    case 'missing':
      return { kind: outcome.kind }
  }
}

function transactionOf(input: CallInput, { gasMax, rules }: CallContext): EvmTransaction {
  const dynamic = input.maxFeePerGas !== undefined || input.maxPriorityFeePerGas !== undefined
  const type = input.authorizationList
    ? 4
    : input.blobVersionedHashes
      ? 3
      : dynamic
        ? 2
        : input.accessList
          ? 1
          : 0
  const priority = input.maxPriorityFeePerGas ?? 0n
  const gasPrice = dynamic ? (input.maxFeePerGas ?? priority) : (input.gasPrice ?? 0n)
  return {
    type,
    from: input.from ?? ZERO_ADDRESS,
    ...(input.to && { to: input.to }),
    gas: input.gas === undefined || input.gas > gasMax ? gasMax : input.gas,
    gasPrice,
    ...(type >= 2 ? { priorityFee: dynamic ? priority : gasPrice } : {}),
    value: input.value ?? 0n,
    nonce: input.nonce ?? 0n,
    chainId: rules.chainId,
    data: input.input ?? new Uint8Array(0),
    ...(input.accessList && { accessList: input.accessList }),
    ...(input.blobVersionedHashes && {
      blobHashes: input.blobVersionedHashes,
      maxFeePerBlobGas: input.maxFeePerBlobGas ?? 0n,
    }),
    ...(input.authorizationList && { authorizationList: input.authorizationList }),
  }
}

function feeRefusal(
  { gasPrice, priorityFee, from }: EvmTransaction,
  { baseFeePerGas }: Header,
): string | undefined {
  if (baseFeePerGas === undefined || (gasPrice === 0n && (priorityFee ?? 0n) === 0n)) return undefined
  if (gasPrice < (priorityFee ?? 0n)) {
    return `max priority fee per gas higher than max fee per gas: address ${checksumText(from)}, maxPriorityFeePerGas: ${priorityFee}, maxFeePerGas: ${gasPrice}`
  }
  if (gasPrice >= baseFeePerGas) return undefined
  return `max fee per gas less than block base fee: address ${checksumText(from)}, maxFeePerGas: ${gasPrice}, baseFee: ${baseFeePerGas}`
}

function fundsRefusal({ from, gas, gasPrice, value }: EvmTransaction, view: StateView): string | undefined {
  const want = gas * gasPrice + value
  if (want === 0n) return undefined
  const record = new Uint8Array(72)
  const lookup = view.account(from, record)
  if (lookup === Lookup.missing) return undefined // the run itself will say so
  const have = lookup === Lookup.absent ? 0n : bigintFrom(record.subarray(8, 40))
  if (have >= want) return undefined
  return `insufficient funds for gas * price + value: address ${checksumText(from)} have ${have} want ${want}`
}
