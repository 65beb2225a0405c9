/** geth's StateOverride and BlockOverrides: what a call may pretend (internal/ethapi/override). */
import { type Hex, toHex } from '#kernel/bytes.ts'
import { failed } from './errors.ts'
import { anyBytes, cannot, fixedBytes, goKind, type Into, quantity } from './geth-hex.ts'

export interface AccountOverride {
  readonly nonce?: bigint
  readonly balance?: bigint
  readonly code?: Uint8Array
  readonly state?: ReadonlyMap<Hex, Uint8Array>
  readonly stateDiff?: ReadonlyMap<Hex, Uint8Array>
  readonly movePrecompileTo?: Uint8Array
}

export interface BlockOverrides {
  readonly number?: number
  readonly timestamp?: number
  readonly gasLimit?: bigint
  readonly beneficiary?: Uint8Array
  readonly prevRandao?: Uint8Array
  readonly difficulty?: bigint
  readonly baseFee?: bigint
  readonly blobBaseFee?: bigint
}

type Read = (value: unknown, into: (type: string) => Into) => unknown

const big: Read = (value, into) => quantity(value, 256, into('*hexutil.Big'))
const uint64: Read = (value, into) => quantity(value, 64, into('hexutil.Uint64'))
const address: Read = (value, into) => fixedBytes(value, 20, into('common.Address'))
const hash: Read = (value, into) => fixedBytes(value, 32, into('common.Hash'))

/** The JSON's name, ours, and how it is read. */
type Fields = readonly (readonly [name: string, ours: string, read: Read])[]

const ACCOUNT: Fields = [
  ['nonce', 'nonce', uint64],
  ['code', 'code', (value, into) => anyBytes(value, into('hexutil.Bytes'))],
  ['balance', 'balance', big],
  ['state', 'state', slots],
  ['stateDiff', 'stateDiff', slots],
  ['movePrecompileToAddress', 'movePrecompileTo', address],
]

const BLOCK: Fields = [
  ['number', 'number', big],
  ['difficulty', 'difficulty', big],
  ['time', 'timestamp', uint64],
  ['gasLimit', 'gasLimit', uint64],
  ['feeRecipient', 'beneficiary', address],
  ['prevRandao', 'prevRandao', hash],
  ['baseFeePerGas', 'baseFee', big],
  ['blobBaseFee', 'blobBaseFee', big],
]
/** Of eth_simulateV1 alone. */
const NOT_FOR_CALLS = ['beaconRoot', 'withdrawals']

/** By address in lower case. */
export function stateOverrides(value: unknown, index: number): ReadonlyMap<Hex, AccountOverride> {
  const json = objectOf(value, { index, type: 'override.StateOverride' })
  return new Map(
    Object.entries(json).map(([key, account]) => [
      toHex(fixedBytes(key, 20, { index, type: 'common.Address' })),
      accountOverride(account ?? {}, index),
    ]),
  )
}

function accountOverride(value: unknown, index: number): AccountOverride {
  const json = objectOf(value, { index, type: 'override.OverrideAccount' })
  return readFields(json, ACCOUNT, index, (name) => `OverrideAccount.${name}`)
}

export function blockOverrides(value: unknown, index: number): BlockOverrides {
  const json = objectOf(value, { index, type: 'override.BlockOverrides' })
  const { number, timestamp, ...rest } = readFields(json, BLOCK, index, goField) as {
    number?: bigint
    timestamp?: bigint
  }
  for (const name of NOT_FOR_CALLS) {
    if ((json[name] ?? undefined) !== undefined)
      throw failed('server', `block override "${name}" is not supported for this RPC method`)
  }
  return {
    ...rest,
    ...(number !== undefined && { number: small(number, 'number') }),
    ...(timestamp !== undefined && { timestamp: small(timestamp, 'time') }),
  }
}

/** geth names these by the fields of its struct. */
function goField(name: string): string {
  return `BlockOverrides.${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
}

function readFields(
  json: Readonly<Record<string, unknown>>,
  fields: Fields,
  index: number,
  fieldOf: (name: string) => string,
): object {
  const out: Record<string, unknown> = {}
  for (const [name, ours, read] of fields) {
    const given = json[name] ?? undefined
    if (given !== undefined) out[ours] = read(given, (type) => ({ index, type, field: fieldOf(name) }))
  }
  return out
}

function slots(value: unknown, into: (type: string) => Into): ReadonlyMap<Hex, Uint8Array> {
  const target = into('common.Hash')
  return new Map(
    Object.entries(objectOf(value, into('map[common.Hash]common.Hash'))).map(([key, slot]) => [
      toHex(fixedBytes(key, 32, target)),
      fixedBytes(slot, 32, target),
    ]),
  )
}

function objectOf(value: unknown, into: Into): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw cannot(goKind(value), into)
}

/** Our block numbers and times are exact up to 2^53; no chain comes there. */
function small(value: bigint, name: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
  throw failed('server', `block override "${name}" above 2^53-1 is not supported`)
}
