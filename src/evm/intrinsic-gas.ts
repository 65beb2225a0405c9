/** Gas that a transaction costs before it runs (Yellow Paper §6.2; EIP-2028, 2930, 3860, 7623, 7702; Amsterdam: EIP-2780, 7976, 7981, 8038). */
import { SPEC, type Spec } from '#core/evm-values.ts'
import { equalBytes } from '#kernel/bytes.ts'
import type { Message } from './message.ts'

export const TRANSACTION_GAS = 21_000n
const CREATION_GAS = 53_000n
const ZERO_BYTE_GAS = 4n
const BYTE_GAS_FRONTIER = 68n
const BYTE_GAS_ISTANBUL = 16n
const INIT_CODE_WORD_GAS = 2n
const ACCESS_LIST_ADDRESS_GAS = 2_400n
const ACCESS_LIST_KEY_GAS = 1_900n
const AUTHORIZATION_GAS = 25_000n
const FLOOR_TOKEN_GAS = 10n
const TOKENS_PER_BYTE = 4n

/** From Amsterdam on. */
const AMSTERDAM = {
  transaction: 12_000n,
  recipient: 3_000n,
  creation: 12_000n,
  value: 6_000n,
  authorization: 7_816n,
  accessListAddress: 2_900n,
  accessListKey: 2_000n,
  floorToken: 16n,
} as const
const ADDRESS_TOKENS = 20n * TOKENS_PER_BYTE
const KEY_TOKENS = 32n * TOKENS_PER_BYTE

type Costs = Pick<Message, 'from' | 'data' | 'value'> &
  Partial<Pick<Message, 'to' | 'accessList' | 'authorizations'>>

export function intrinsicGas(message: Costs, spec: Spec): bigint {
  const { to, data, accessList = [], authorizations = [] } = message
  const creates = to === undefined
  const { zeros, others } = countBytes(data)
  const isAmsterdam = spec >= SPEC.amsterdam
  let gas = isAmsterdam
    ? baseGasOfAmsterdam(message)
    : creates && spec >= SPEC.homestead
      ? CREATION_GAS
      : TRANSACTION_GAS
  gas += (isAmsterdam ? AMSTERDAM.authorization : AUTHORIZATION_GAS) * BigInt(authorizations.length)
  gas += others * (spec >= SPEC.istanbul ? BYTE_GAS_ISTANBUL : BYTE_GAS_FRONTIER) + zeros * ZERO_BYTE_GAS
  if (creates && spec >= SPEC.shanghai) gas += INIT_CODE_WORD_GAS * BigInt(Math.ceil(data.length / 32))
  const addresses = BigInt(accessList.length)
  const keys = keysIn(accessList)
  if (!isAmsterdam) return gas + ACCESS_LIST_ADDRESS_GAS * addresses + ACCESS_LIST_KEY_GAS * keys
  // EIP-7981: the list's own bytes are paid, too.
  return (
    gas +
    (AMSTERDAM.accessListAddress + AMSTERDAM.floorToken * ADDRESS_TOKENS) * addresses +
    (AMSTERDAM.accessListKey + AMSTERDAM.floorToken * KEY_TOKENS) * keys
  )
}

/** The least that a transaction with this data pays, from Prague on (EIP-7623; Amsterdam: EIP-7976, 7981). */
export function floorDataGas(message: Costs, spec: Spec): bigint {
  const { data, accessList = [] } = message
  if (spec >= SPEC.amsterdam) {
    const ofList = ADDRESS_TOKENS * BigInt(accessList.length) + KEY_TOKENS * keysIn(accessList)
    const tokens = TOKENS_PER_BYTE * BigInt(data.length) + ofList
    return baseGasOfAmsterdam(message) + AMSTERDAM.floorToken * tokens
  }
  const { zeros, others } = countBytes(data)
  return TRANSACTION_GAS + FLOOR_TOKEN_GAS * (zeros + TOKENS_PER_BYTE * others)
}

/** EIP-2780: by what the transaction touches. */
function baseGasOfAmsterdam({ from, to, value }: Costs): bigint {
  if (to === undefined) return AMSTERDAM.transaction + AMSTERDAM.creation
  if (equalBytes(from, to)) return AMSTERDAM.transaction
  return AMSTERDAM.transaction + AMSTERDAM.recipient + (value === 0n ? 0n : AMSTERDAM.value)
}

function keysIn(accessList: NonNullable<Costs['accessList']>): bigint {
  return BigInt(accessList.reduce((sum, { storageKeys }) => sum + storageKeys.length, 0))
}

function countBytes(data: Uint8Array): { zeros: bigint; others: bigint } {
  let zeros = 0
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++
  return { zeros: BigInt(zeros), others: BigInt(data.length - zeros) }
}
