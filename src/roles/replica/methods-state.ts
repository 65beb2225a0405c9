/** Methods that read state or run code at a block. */
import { EMPTY_CODE_HASH, Lookup, type StateView } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { bigintFrom, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { type CallOutcome, createCaller } from '#evm/call.ts'
import { estimateGas } from '#evm/estimate-gas.ts'
import { callObject } from '#rpc/call-object.ts'
import { quantityText } from '#rpc/encode.ts'
import { failed, type RpcFailure } from '#rpc/errors.ts'
import { address, blockPlace, list, storageKey } from '#rpc/params.ts'
import { revertReason } from '#rpc/revert.ts'
import { type AnswerContext, stateAt } from './answer-context.ts'
import type { Handlers } from './handler.ts'

export function stateMethods() {
  const caller = createCaller()
  return {
    eth_getBalance: (params, context) => {
      const { record } = accountOf(list(params, 1, 2), context)
      return quantityText(bigintFrom(record.subarray(8, 40)))
    },
    eth_getTransactionCount: (params, context) => {
      const { record } = accountOf(list(params, 1, 2), context)
      return quantityText(bigintFrom(record.subarray(0, 8)))
    },
    eth_getCode: (params, context) => {
      const { record, view } = accountOf(list(params, 1, 2), context)
      const hash = record.subarray(40, 72)
      const isEmpty = hash.every((byte) => byte === 0) || toHex(hash) === EMPTY_CODE_HASH
      return isEmpty ? '0x' : toHex(codeOf(view, hash))
    },
    eth_getStorageAt: (params, context) => {
      const [who, key, where] = list(params, 2, 3)
      const account = address(who, 0)
      const slot = storageKey(key, 1)
      const { view } = stateAt(context, blockPlace(where, 2))
      const out = new Uint8Array(32)
      known(view.slot(account, slot, out))
      return toHex(out)
    },
    eth_call: (params, context) => {
      const [call, where, ...overrides] = list(params, 1, 4)
      refuseOverrides(overrides)
      const input = callObject(call, 0)
      const outcome = caller.call(input, { ...stateAt(context, blockPlace(where, 1)), ...limits(context) })
      if (outcome.kind === 'returned') return toHex(outcome.output)
      throw callFailure(outcome)
    },
    eth_estimateGas: (params, context) => {
      const [call, where, ...overrides] = list(params, 1, 4)
      refuseOverrides(overrides)
      const input = callObject(call, 0)
      const estimate = estimateGas(caller, input, {
        ...stateAt(context, blockPlace(where, 1)),
        ...limits(context),
      })
      switch (estimate.kind) {
        case 'estimated':
          return quantityText(estimate.gas)
        case 'exceeds':
          throw failed('server', `gas required exceeds allowance (${estimate.allowance})`)
        case 'noFunds':
          throw failed('server', estimate.reason)
        case 'failed':
          if (estimate.outcome.kind === 'refused' && estimate.outcome.suppliedGas !== undefined)
            throw failed('server', `failed with ${estimate.gas} gas: ${estimate.outcome.reason}`)
          throw callFailure(estimate.outcome)
      }
    },
  } satisfies Handlers
}

function limits({ gasMax, expired }: AnswerContext): { gasMax: bigint; expired: () => boolean } {
  return { gasMax, expired }
}

/** State and block overrides come with a later release; ignoring them would invent an answer. */
function refuseOverrides(overrides: readonly unknown[]): void {
  if (overrides.some((one) => one !== undefined && one !== null && Object.keys(one as object).length > 0)) {
    throw failed('invalidParams', 'state and block overrides are not supported yet')
  }
}

function accountOf(
  [who, where]: readonly unknown[],
  context: AnswerContext,
): { record: Uint8Array; view: StateView } {
  const account = address(who, 0)
  const { view } = stateAt(context, blockPlace(where, 1))
  const record = new Uint8Array(72)
  if (known(view.account(account, record)) === Lookup.absent) record.fill(0)
  return { record, view }
}

/** A store without a lazy base has all of its state. */
function known(lookup: Lookup): Lookup {
  assert(lookup !== Lookup.missing, 'a whole store misses no state')
  return lookup
}

function codeOf(view: StateView, hash: Uint8Array): Uint8Array {
  const code = view.code(hash)
  if (code === undefined) throw new Fault('store/damaged', `the code ${toHex(hash)} is not in the store`)
  return code
}

function callFailure(outcome: Exclude<CallOutcome, { kind: 'returned' }>): RpcFailure {
  switch (outcome.kind) {
    case 'reverted': {
      const reason = revertReason(outcome.output)
      return failed(
        'reverted',
        reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`,
        toHex(outcome.output),
      )
    }
    case 'halted':
      return failed('server', outcome.reason)
    case 'refused':
      if (outcome.suppliedGas === undefined) return failed('server', outcome.reason)
      return failed('server', `err: ${outcome.reason} (supplied gas ${outcome.suppliedGas})`)
    case 'timeout':
      return failed('server', 'execution aborted (timeout)')
    case 'missing':
      throw new Fault('store/damaged', 'a call read state that is not in the store')
  }
}
