/** Methods that read state or run code at a block. */
import type { Header } from '#chain/header/header.ts'
import { ACCOUNT_BYTES, EMPTY_CODE_HASH, Lookup, type StateView } from '#chain/state-view.ts'
import { type CallContext, type CallOutcome, createCaller } from '#evm/call/call.ts'
import { environmentOf } from '#evm/environment.ts'
import { estimateGas, isCapped } from '#evm/call/estimate-gas.ts'
import { overrideEnvironment, overrideState } from '#evm/call/overrides.ts'
import { assert } from '#kernel/assert.ts'
import { type Hex, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { callObject } from '#rpc/decode/call-object.ts'
import { EncodedResult } from '#rpc/answer.ts'
import { type Json, quantityOfBytes, quantityText } from '#rpc/encode/encode.ts'
import { jsonBytes } from '#rpc/encode/json-bytes.ts'
import { failed, RpcFailure } from '#rpc/errors.ts'
import { rpcLimits } from '#rpc/limits.ts'
import {
  type AccountOverride,
  type BlockOverrides,
  blockOverrides,
  stateOverrides,
} from '#rpc/decode/overrides.ts'
import {
  address,
  type BlockPlace,
  blockPlace,
  LATEST,
  optional,
  readParams,
  required,
  slotsByAddress,
  storageKey,
  string,
} from '#rpc/decode/params.ts'
import { revertReason } from '#rpc/encode/revert.ts'
import { type AnswerContext, stateAt, TooHeavy, viewAt } from '#roles/replica/answer/answer-context.ts'
import type { Handlers } from '#roles/replica/answer/handler.ts'

const SLOTS_MAX = rpcLimits.storageSlotsMax.value
const ADDRESS = required(address)
const AT = optional<BlockPlace>(blockPlace, LATEST)
const SAME_STATE: ReadonlyMap<Hex, AccountOverride> = new Map()
const SAME_BLOCK: BlockOverrides = {}
const CALL = [
  required(callObject),
  AT,
  optional<ReadonlyMap<Hex, AccountOverride>>(stateOverrides, SAME_STATE),
  optional<BlockOverrides>(blockOverrides, SAME_BLOCK),
] as const

export function stateMethods() {
  const caller = createCaller()
  const accountOf = createAccountReader()
  return {
    eth_getBalance: (params, context) => {
      const { record } = accountOf(readParams(params, ADDRESS, AT), context)
      return quantityOfBytes(record, 8, 40)
    },
    eth_getTransactionCount: (params, context) => {
      const { record } = accountOf(readParams(params, ADDRESS, AT), context)
      return quantityOfBytes(record, 0, 8)
    },
    eth_getCode: (params, context) => {
      const { record, view } = accountOf(readParams(params, ADDRESS, AT), context)
      const hash = record.subarray(40, 72)
      const isEmpty = hash.every((byte) => byte === 0) || toHex(hash) === EMPTY_CODE_HASH
      return isEmpty ? '0x' : codeText(codeOf(view, hash))
    },
    eth_getStorageAt: (params, context) => {
      const [who, text, where] = readParams(params, ADDRESS, required(string), AT)
      const view = viewAt(context, where)
      return slotText(view, who, storageKey(text))
    },
    eth_getStorageValues: (params, context) => {
      const [wanted, where] = readParams(params, required(slotsByAddress), AT)
      const slots = wanted.reduce((sum, [, keys]) => sum + keys.length, 0)
      if (slots > SLOTS_MAX) throw failed('clientLimit', `too many slots (max ${SLOTS_MAX})`)
      if (slots === 0) throw failed('invalidParams', 'empty request')
      const view = viewAt(context, where)
      const out: Record<string, Json> = {}
      for (const [who, keys] of wanted) out[toHex(who)] = keys.map((key) => slotText(view, who, key))
      return out
    },
    eth_call: (params, context) => {
      const [call, where, state, block] = readParams(params, ...CALL)
      const merges = ({ difficulty }: Header): boolean => difficulty === 0n || block.prevRandao !== undefined
      const outcome = caller.call(call, callContext(context, where, { state, block, merges }))
      if (outcome.kind === 'returned') return toHex(outcome.output)
      throw callFailure(outcome, context)
    },
    eth_estimateGas: (params, context) => {
      const [call, where, state, block] = readParams(params, ...CALL)
      // As geth, which makes a header of the overrides here: a block is of proof of stake where it has no difficulty.
      const merges = ({ difficulty }: Header): boolean =>
        (difficulty === 0n ? 0n : (block.difficulty ?? difficulty)) === 0n
      const estimate = estimateGas(caller, call, callContext(context, where, { state, block, merges }))
      switch (estimate.kind) {
        case 'estimated':
          return quantityText(estimate.gas)
        case 'exceeds':
          throw failed('server', `gas required exceeds allowance (${estimate.allowance})`)
        case 'noFunds':
          throw failed('server', estimate.reason)
        case 'failed': {
          const { outcome, gas } = estimate
          if (outcome.kind === 'refused' && outcome.suppliedGas !== undefined)
            throw failed('server', `failed with ${gas} gas: ${outcome.reason}`)
          throw callFailure(outcome, context)
        }
      }
    },
  } satisfies Handlers
}

interface Pretended {
  readonly state: ReadonlyMap<Hex, AccountOverride>
  readonly block: BlockOverrides
  /** Whether a block counts as one of proof of stake. */
  readonly merges: (header: Header) => boolean
}

/** The block's own environment and state, or what the overrides make of them. */
function callContext(
  context: AnswerContext,
  where: BlockPlace,
  { state, block, merges }: Pretended,
): CallContext {
  const { gasMax } = context
  const { view, header, rules: ownRules } = stateAt(context, where)
  const at = { view, header, rules: ownRules, gasMax, expired: context.spent ?? context.expired }
  if (state.size === 0 && (block === SAME_BLOCK || Object.keys(block).length === 0)) return at
  for (const name of ['beaconRoot', 'withdrawals'] as const)
    if (block[name] !== undefined)
      throw failed('server', `block override "${name}" is not supported for this RPC method`)
  const number = block.number ?? header.number
  const timestamp = block.timestamp ?? header.timestamp
  const merged = merges(header)
  const rules = pretendedRules(context, { number, timestamp, merged })
  // geth asks for this one by number and time alone.
  const isTransactionCapped = isCapped(pretendedRules(context, { number, timestamp, merged: true }))
  const environment = overrideEnvironment(environmentOf(header, rules, 'call'), block)
  const pretended = overrideState(view, state, environment.spec)
  if ('kind' in pretended) throw failed('server', pretended.reason)
  return { ...at, rules, environment, view: pretended, isTransactionCapped }
}

function pretendedRules(
  { config }: AnswerContext,
  block: { readonly number: number; readonly timestamp: number; readonly merged: boolean },
): CallContext['rules'] {
  try {
    const rules = config.pretendedRules(block)
    return rules
  } catch (thrown) {
    if (thrown instanceof Fault) throw failed('server', thrown.message) // a fork that is not supported yet
    throw thrown
  }
}

/** Reads into one array, whose bytes are those of the last account. */
function createAccountReader() {
  const record = new Uint8Array(ACCOUNT_BYTES)
  return (
    [who, where]: readonly [Uint8Array, BlockPlace],
    context: AnswerContext,
  ): { record: Uint8Array; view: StateView } => {
    const view = viewAt(context, where)
    if (known(view.account(who, record)) === Lookup.absent) record.fill(0)
    return { record, view }
  }
}

function slotText(view: StateView, who: Uint8Array, key: Uint8Array): Hex {
  const value = new Uint8Array(32)
  known(view.slot(who, key, value))
  return toHex(value)
}

/** A store without a lazy base has all of its state. */
function known(lookup: Lookup): Lookup {
  assert(lookup !== Lookup.missing, 'a whole store misses no state')
  return lookup
}

/** Bytes from the start: as text a large code is copied and collected several times over. */
function codeText(code: Uint8Array): EncodedResult {
  return new EncodedResult(jsonBytes((out) => void out.hex(code)))
}

function codeOf(view: StateView, hash: Uint8Array): Uint8Array {
  const code = view.code(hash)
  if (code === undefined) throw new Fault('store/damaged', `the code ${toHex(hash)} is not in the store`)
  return code
}

function callFailure(
  outcome: Exclude<CallOutcome, { kind: 'returned' }>,
  { timeMaxMs, spent, expired }: AnswerContext,
): RpcFailure {
  switch (outcome.kind) {
    case 'reverted': {
      const reason = revertReason(outcome.output)
      const message = reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
      return failed('reverted', message, toHex(outcome.output))
    }
    case 'halted':
      return failed('server', outcome.reason)
    case 'refused': {
      const { reason, suppliedGas } = outcome
      return failed(
        'server',
        suppliedGas === undefined ? reason : `err: ${reason} (supplied gas ${suppliedGas})`,
      )
    }
    case 'timeout':
      if (spent !== undefined && !expired())
        throw new TooHeavy('it needs more time than an answer thread gives')
      return failed('server', `execution aborted (timeout = ${timeMaxMs / 1_000}s)`)
    case 'missing':
      throw new Fault('store/damaged', 'a call read state that is not in the store')
  }
}
