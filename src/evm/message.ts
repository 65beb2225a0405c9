/**
 * A call as geth makes a message of it (`TransactionArgs.CallDefaults` and `ToMessage` of internal/ethapi): what a caller leaves out gets
 * geth's defaults, and both styles of fees become one. A message without a price runs in a block without a base fee.
 */
import type { AccessListItem, Authorization } from '#chain/transaction/transaction.ts'
import { type EvmEnvironment, type EvmTransaction, SPEC } from '#core/evm-values.ts'

/** What eth_call and eth_estimateGas take; `rpc/decode/call-object.ts` reads one. */
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
  readonly chainId?: bigint
  readonly accessList?: readonly AccessListItem[]
  readonly maxFeePerBlobGas?: bigint
  readonly blobVersionedHashes?: readonly Uint8Array[]
  readonly authorizationList?: readonly Authorization[]
}

/** geth's core.Message. */
export interface Message {
  readonly from: Uint8Array
  readonly to: Uint8Array | undefined
  readonly nonce: bigint
  readonly gas: bigint
  /** Wei per gas that is paid; with fee caps, the effective one. */
  readonly gasPrice: bigint
  readonly feeCap: bigint
  readonly tipCap: bigint
  readonly value: bigint
  readonly data: Uint8Array
  readonly accessList: readonly AccessListItem[] | undefined
  readonly blobHashes: readonly Uint8Array[] | undefined
  readonly blobFeeCap: bigint | undefined
  readonly authorizations: readonly Authorization[] | undefined
}

/** Why a message cannot run at all, in geth's words. */
export interface Refusal {
  readonly kind: 'refused'
  readonly reason: string
  /** More gas would let it run. */
  readonly needsGas: boolean
  /** The gas it was tried with, where it came that far: eth_call then says `err: <reason> (supplied gas <gas>)`, else the reason alone. */
  readonly suppliedGas?: bigint
}

export function refused(reason: string, needsGas = false): Refusal {
  return { kind: 'refused', reason, needsGas }
}

const ZERO_ADDRESS = new Uint8Array(20)
const NO_BYTES = new Uint8Array(0)

/** What contradicts itself or its chain, as geth says before it looks at anything else (`CallDefaults`). */
export function contradiction(request: CallInput, { chainId }: EvmEnvironment): Refusal | undefined {
  const { to, gasPrice, maxFeePerGas, maxPriorityFeePerGas, blobVersionedHashes, authorizationList } = request
  if (gasPrice !== undefined && (maxFeePerGas ?? maxPriorityFeePerGas) !== undefined)
    return refused('both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified')
  if (to === undefined && blobVersionedHashes) return refused('blob transaction of type create')
  if (to === undefined && authorizationList) {
    return refused('EIP-7702 transaction cannot be used to create contract')
  }
  if (request.chainId !== undefined && request.chainId !== chainId) {
    return refused(`chainId does not match node's (have=${request.chainId}, want=${chainId})`)
  }
  return undefined
}

/** @param gas the message's gas limit */
export function messageFrom(request: CallInput, environment: EvmEnvironment, gas: bigint): Message | Refusal {
  const { to, value = 0n, nonce = 0n, accessList, blobVersionedHashes, authorizationList } = request
  const contradictory = contradiction(request, environment)
  if (contradictory !== undefined) return contradictory
  const { gasPrice, feeCap, tipCap } = feesOf(request, environment)
  return {
    from: request.from ?? ZERO_ADDRESS,
    to,
    nonce,
    gas,
    gasPrice,
    feeCap,
    tipCap,
    value,
    data: request.input ?? NO_BYTES,
    accessList,
    blobHashes: blobVersionedHashes,
    blobFeeCap: blobVersionedHashes && (request.maxFeePerBlobGas ?? 0n),
    authorizations: authorizationList,
  }
}

function feesOf(
  { gasPrice, maxFeePerGas: feeCap = 0n, maxPriorityFeePerGas: tipCap = 0n }: CallInput,
  { legacyFees, baseFee }: EvmEnvironment,
): { gasPrice: bigint; feeCap: bigint; tipCap: bigint } {
  if (legacyFees === true || gasPrice !== undefined) {
    const price = gasPrice ?? 0n
    return { gasPrice: price, feeCap: price, tipCap: price }
  }
  if (feeCap === 0n && tipCap === 0n) return { gasPrice: 0n, feeCap, tipCap }
  const price = baseFee + tipCap
  return { gasPrice: price < feeCap ? price : feeCap, feeCap, tipCap }
}

/** The transaction type that carries what the message has. */
export function transactionFrom(message: Message, { spec, chainId }: EvmEnvironment): EvmTransaction {
  const { accessList, blobHashes, authorizations, to } = message
  const type = authorizations ? 4 : blobHashes ? 3 : spec >= SPEC.london ? 2 : accessList ? 1 : 0
  return {
    type,
    from: message.from,
    to,
    gas: message.gas,
    gasPrice: type >= 2 ? message.feeCap : message.gasPrice,
    priorityFee: type >= 2 ? message.tipCap : undefined,
    value: message.value,
    // Nobody checks it, and what is created gets its address from the account's own.
    nonce: 0n,
    chainId,
    data: message.data,
    accessList,
    blobHashes,
    maxFeePerBlobGas: message.blobFeeCap,
    authorizationList: authorizations,
  }
}
