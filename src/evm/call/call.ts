/**
 * Calls at a block, as geth's eth_call makes them: nobody signs, gas is capped, the gas price is zero unless given (and then so is the base
 * fee that the code sees), nonces are not checked, the balance is. A caller belongs to one thread and keeps one EVM instance.
 */
import type { Header } from '#chain/header/header.ts'
import type { Log } from '#chain/transaction/receipt.ts'
import type { Rules } from '#chain/fork/rules.ts'
import type { StateView } from '#chain/state-view.ts'
import { createEvm, type Evm } from '#core/evm.ts'
import type { EvmEnvironment, EvmOutcome } from '#core/evm-values.ts'
import { environmentOf } from '#evm/environment.ts'
import { haltText } from '#evm/text/halt-text.ts'
import { intrinsicGas } from '#evm/intrinsic-gas.ts'
import { type CallInput, type Message, messageFrom, type Refusal, transactionFrom } from '#evm/message.ts'
import { modexpGas } from '#evm/modexp-gas.ts'
import { MODEXP_TOO_LONG } from '#evm/text/precompile-text.ts'
import { type Missing, preCheck } from '#evm/pre-check.ts'

export type { CallInput } from '#evm/message.ts'

export interface CallContext {
  readonly view: StateView
  readonly header: Header
  readonly rules: Rules
  /** In place of what the header says (block overrides). */
  readonly environment?: EvmEnvironment
  /** Whether estimates keep within EIP-7825's gas of one transaction; by default, as the rules say. */
  readonly isTransactionCapped?: boolean
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
      readonly logs: readonly Log[]
    }
  | { readonly kind: 'reverted'; readonly output: Uint8Array; readonly gasUsed: bigint }
  /** The code failed, in geth's words. */
  | { readonly kind: 'halted'; readonly reason: string; readonly gasUsed: bigint }
  /** It cannot run at all, in geth's words (before `err: ` and ` (supplied gas N)`). */
  | Refusal
  | { readonly kind: 'timeout' }
  /** This store does not have all the state that it reads. */
  | Missing

export interface Caller {
  /** @throws Fault core/trap; what the view throws */
  call(input: CallInput, context: CallContext): CallOutcome
}

export function createCaller(): Caller {
  const evm = createEvm()
  const environments = createEnvironments()
  return {
    call(input, context) {
      const { gasMax } = context
      const block = environments.of(context)
      const gas = input.gas === undefined || input.gas > gasMax ? gasMax : input.gas
      const message = messageFrom(input, block, gas)
      if ('kind' in message) return message
      const seen = environments.seenBy(message, block)
      const refusal = preCheck(message, seen, context.view)
      if (refusal?.kind === 'missing') return refusal
      if (refusal !== undefined) return { ...refusal, suppliedGas: gas }
      return run(evm, message, seen, context)
    },
  }
}

function run(evm: Evm, message: Message, environment: EvmEnvironment, context: CallContext): CallOutcome {
  evm.bind(context.view, environment, context.expired)
  const outcome = evm.call(transactionFrom(message, environment))
  return outcomeInGethsWords(outcome, message, environment)
}

function outcomeInGethsWords(outcome: EvmOutcome, message: Message, { spec }: EvmEnvironment): CallOutcome {
  switch (outcome.kind) {
    case 'success': {
      const { output, gasUsed, gasSpent, logs } = outcome
      return { kind: 'returned', output, gasUsed, gasSpent, logs }
    }
    case 'revert':
      return { kind: 'reverted', output: outcome.output, gasUsed: outcome.gasUsed }
    case 'halt': {
      const reason = haltText(outcome, message.to === undefined)
      const unpaid =
        reason === MODEXP_TOO_LONG && modexpGas(message.data) > message.gas - intrinsicGas(message, spec)
      return { kind: 'halted', reason: unpaid ? 'out of gas' : reason, gasUsed: outcome.gasUsed }
    }
    case 'invalid':
      // preCheck says all that geth says; this is revm being stricter.
      return { kind: 'refused', reason: outcome.reason, needsGas: false, suppliedGas: message.gas }
    case 'timeout':
    case 'missing':
      return outcome
  }
}

/** Environments of the last block called at: most calls are at one block and name no price, and the core keeps one that it knows. */
function createEnvironments() {
  let last: { header: Header; rules: Rules; priced: EvmEnvironment } | undefined
  let free: { of: EvmEnvironment; variants: (EvmEnvironment | undefined)[] } | undefined

  return {
    of({ header, rules, environment }: CallContext): EvmEnvironment {
      if (environment !== undefined) return environment
      if (last?.header !== header || last.rules !== rules) {
        last = { header, rules, priced: environmentOf(header, rules, 'call') }
      }
      return last.priced
    },
    /** geth lowers the base fee to 0 for a message without a price, so that BASEFEE reads 0; and the blob base fee likewise. */
    seenBy({ gasPrice, blobFeeCap }: Message, block: EvmEnvironment): EvmEnvironment {
      const noFee = gasPrice === 0n
      const noBlobFee = blobFeeCap === 0n && block.blob !== undefined
      if (!noFee && !noBlobFee) return block
      if (free?.of !== block) free = { of: block, variants: [] }
      free.variants[(noFee ? 1 : 0) + (noBlobFee ? 2 : 0)] ??= {
        ...block,
        ...(noFee && { baseFee: 0n }),
        ...(noBlobFee && block.blob && { blob: { ...block.blob, gasPrice: 0n } }),
      }
      return free.variants[(noFee ? 1 : 0) + (noBlobFee ? 2 : 0)] as EvmEnvironment
    },
  }
}
