/** Gas that a transaction costs before it runs (Yellow Paper §6.2; EIP-2028, 2930, 3860, 7623, 7702). */
import { SPEC, type Spec } from '#core/evm-values.ts'
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

type Costs = Pick<Message, 'data'> & Partial<Pick<Message, 'to' | 'accessList' | 'authorizations'>>

export function intrinsicGas({ to, data, accessList = [], authorizations = [] }: Costs, spec: Spec): bigint {
  const creates = to === undefined
  const { zeros, others } = countBytes(data)
  let gas = creates && spec >= SPEC.homestead ? CREATION_GAS : TRANSACTION_GAS
  gas += AUTHORIZATION_GAS * BigInt(authorizations.length)
  gas += others * (spec >= SPEC.istanbul ? BYTE_GAS_ISTANBUL : BYTE_GAS_FRONTIER) + zeros * ZERO_BYTE_GAS
  if (creates && spec >= SPEC.shanghai) gas += INIT_CODE_WORD_GAS * BigInt(Math.ceil(data.length / 32))
  for (const { storageKeys } of accessList)
    gas += ACCESS_LIST_ADDRESS_GAS + ACCESS_LIST_KEY_GAS * BigInt(storageKeys.length)
  return gas
}

/** The least that a transaction with this data pays, from Prague on (EIP-7623). */
export function floorDataGas(data: Uint8Array): bigint {
  const { zeros, others } = countBytes(data)
  return TRANSACTION_GAS + FLOOR_TOKEN_GAS * (zeros + TOKENS_PER_BYTE * others)
}

function countBytes(data: Uint8Array): { zeros: bigint; others: bigint } {
  let zeros = 0
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++
  return { zeros: BigInt(zeros), others: BigInt(data.length - zeros) }
}
