/**
 * What geth checks before it runs a message (`stateTransition.preCheck`, `buyGas` and the intrinsic gas of core/state_transition.go), in
 * its order and its words, as eth_call has it: nonce, sender's code and the cap of EIP-7825 are not looked at. revm checks much of it
 * again; the texts are why it is done here.
 */
import { checksumText } from '#chain/codec/checksum.ts'
import { GAS_PER_BLOB } from '#chain/block/verify-block.ts'
import { ACCOUNT_BYTES, Lookup, type StateView } from '#chain/state-view.ts'
import { type EvmEnvironment, type MissingKey, SPEC } from '#core/evm-values.ts'
import { bigintFrom, toHex } from '#kernel/bytes.ts'
import { floorDataGas, intrinsicGas } from './intrinsic-gas.ts'
import { type Message, refused, type Refusal } from './message.ts'

export interface Missing {
  readonly kind: 'missing'
  readonly keys: readonly MissingKey[]
}

/** EIP-3860; Amsterdam: EIP-7954. */
const initCodeBytesMax = (spec: number): number => (spec >= SPEC.amsterdam ? 131_072 : 49_152)
/** EIP-7594: blobs of one transaction from Osaka on. */
const BLOBS_MAX = 6
const BLOB_HASH_VERSION = 1
const WORD_MAX = (1n << 256n) - 1n
/** The core counts wei per gas in 128 bits; no balance pays more. */
const PRICE_MAX = (1n << 128n) - 1n

/** Undefined where the message may run. */
export function preCheck(
  message: Message,
  environment: EvmEnvironment,
  view: StateView,
): Refusal | Missing | undefined {
  return (
    checkFees(message, environment) ??
    checkParts(message, environment) ??
    checkFunds(message, view) ??
    checkGas(message, environment) ??
    checkPrice(message)
  )
}

function checkFees(
  { from, feeCap, tipCap }: Message,
  { spec, baseFee }: EvmEnvironment,
): Refusal | undefined {
  if (spec < SPEC.london || (feeCap === 0n && tipCap === 0n)) return undefined
  if (feeCap < tipCap) {
    return refused(
      `max priority fee per gas higher than max fee per gas: address ${checksumText(from)}, maxPriorityFeePerGas: ${tipCap}, maxFeePerGas: ${feeCap}`,
    )
  }
  if (feeCap >= baseFee) return undefined
  return refused(
    `max fee per gas less than block base fee: address ${checksumText(from)}, maxFeePerGas: ${feeCap}, baseFee: ${baseFee}`,
  )
}

function checkParts(message: Message, { spec, blob }: EvmEnvironment): Refusal | undefined {
  const { from, to, data, accessList, blobHashes, blobFeeCap = 0n, authorizations } = message
  const unsupported = (what: string): Refusal =>
    refused(`transaction type not supported: ${what} tx (sender ${checksumText(from)})`)
  if (accessList && spec < SPEC.berlin) return unsupported('access list')
  if (blobHashes) {
    if (spec < SPEC.cancun) return unsupported('blob')
    if (blobHashes.length === 0) return refused('blob transaction missing blob hashes')
    if (spec >= SPEC.osaka && blobHashes.length > BLOBS_MAX)
      return refused('blob transaction has too many blobs')
    const wrong = blobHashes.findIndex((hash) => hash[0] !== BLOB_HASH_VERSION)
    if (wrong >= 0) return refused(`blob ${wrong} has invalid hash version`)
    const price = blob?.gasPrice ?? 0n
    if (blobFeeCap !== 0n && blobFeeCap < price) {
      return refused(
        `max fee per blob gas less than block blob gas fee: address ${checksumText(from)} blobGasFeeCap: ${blobFeeCap}, blobBaseFee: ${price}`,
      )
    }
  }
  if (authorizations && spec < SPEC.prague) return unsupported('setcode')
  if (authorizations?.length === 0) {
    return refused(`EIP-7702 transaction with empty auth list (sender ${checksumText(from)})`)
  }
  const limit = initCodeBytesMax(spec)
  if (to === undefined && spec >= SPEC.shanghai && data.length > limit) {
    return refused(`max initcode size exceeded: code size ${data.length} limit ${limit}`)
  }
  return undefined
}

function checkFunds(message: Message, view: StateView): Refusal | Missing | undefined {
  const { from, gas, feeCap, value, blobHashes = [], blobFeeCap = 0n } = message
  if (feeCap === 0n && value === 0n && blobHashes.length === 0) return undefined
  const want = gas * feeCap + value + BigInt(blobHashes.length) * GAS_PER_BLOB * blobFeeCap
  if (want === 0n) return undefined
  const short = (why: string): Refusal =>
    refused(`insufficient funds for gas * price + value: address ${checksumText(from)} ${why}`)
  if (want > WORD_MAX) return short('required balance exceeds 256 bits')
  const have = balanceOf(from, view)
  if (typeof have !== 'bigint') return have
  if (have < want) return short(`have ${have} want ${want}`)
  return undefined
}

function checkPrice({ feeCap, blobFeeCap = 0n }: Message): Refusal | undefined {
  if (feeCap <= PRICE_MAX && blobFeeCap <= PRICE_MAX) return undefined
  return refused('a price above 2^128-1 wei per gas is not supported')
}

/** Wei of an account; 0 where there is none. */
export function balanceOf(address: Uint8Array, view: StateView): bigint | Missing {
  const account = new Uint8Array(ACCOUNT_BYTES)
  const found = view.account(address, account)
  if (found === Lookup.missing)
    return { kind: 'missing', keys: [{ kind: 'account', address: toHex(address) }] }
  return found === Lookup.absent ? 0n : bigintFrom(account.subarray(8, 40))
}

function checkGas(message: Message, { spec }: EvmEnvironment): Refusal | undefined {
  const least = intrinsicGas(message, spec)
  if (message.gas < least) return refused(`intrinsic gas too low: have ${message.gas}, want ${least}`, true)
  if (spec < SPEC.prague) return undefined
  const floor = floorDataGas(message, spec)
  if (message.gas >= floor) return undefined
  return refused(`insufficient gas for floor data gas cost: have ${message.gas}, want ${floor}`)
}
