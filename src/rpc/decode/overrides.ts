/** geth's StateOverride and BlockOverrides: what a call may pretend (internal/ethapi/override). */
import { type Hex, toHex } from '#kernel/bytes.ts'
import { failed } from '#rpc/errors.ts'
import { anyBytes, fixedBytes, type Into, quantity } from './geth-hex.ts'
import { fieldNames, listOf, objectOf, reading, type Remembered, structFields } from './go-struct.ts'

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
  /** These two are of eth_simulateV1 alone: calls refuse them. */
  readonly beaconRoot?: Uint8Array
  readonly withdrawals?: readonly unknown[]
}

type Read = (value: unknown, into: (type: string) => Into, remembered: Remembered) => unknown

const big: Read = (value, into) => quantity(value, 256, into('*hexutil.Big'))
const uint64: Read = (value, into) => quantity(value, 64, into('hexutil.Uint64'))
const address: Read = (value, into) => fixedBytes(value, 20, into('common.Address'))
const hash: Read = (value, into) => fixedBytes(value, 32, into('common.Hash'))

interface Field {
  /** Our name for it. */
  readonly ours: string
  readonly read: Read
}

const ACCOUNT: Readonly<Record<string, Field>> = {
  nonce: { ours: 'nonce', read: uint64 },
  code: { ours: 'code', read: (value, into) => anyBytes(value, into('hexutil.Bytes')) },
  balance: { ours: 'balance', read: big },
  state: { ours: 'state', read: slots },
  stateDiff: { ours: 'stateDiff', read: slots },
  movePrecompileToAddress: { ours: 'movePrecompileTo', read: address },
}
/** geth names these by the fields of its struct. */
const BLOCK: Readonly<Record<string, Field>> = {
  Number: { ours: 'number', read: big },
  Difficulty: { ours: 'difficulty', read: big },
  Time: { ours: 'timestamp', read: uint64 },
  GasLimit: { ours: 'gasLimit', read: uint64 },
  FeeRecipient: { ours: 'beneficiary', read: address },
  PrevRandao: { ours: 'prevRandao', read: hash },
  BaseFeePerGas: { ours: 'baseFee', read: big },
  BlobBaseFee: { ours: 'blobBaseFee', read: big },
  BeaconRoot: { ours: 'beaconRoot', read: hash },
  Withdrawals: {
    ours: 'withdrawals',
    read: (value, into, remembered) => listOf(value, into('types.Withdrawals'), remembered),
  },
}
const ACCOUNT_NAMES = fieldNames(...Object.keys(ACCOUNT))
const BLOCK_NAMES = fieldNames(...Object.keys(BLOCK))

/** By address in lower case; of two spellings of one the later counts. */
export function stateOverrides(value: unknown, index: number): ReadonlyMap<Hex, AccountOverride> {
  return reading((remembered) => {
    const out = new Map<Hex, AccountOverride>()
    const json = objectOf(value, { index, type: 'override.StateOverride' }, remembered)
    for (const [key, account] of Object.entries(json ?? {})) {
      const override = accountOverride(account, index, remembered)
      out.set(toHex(fixedBytes(key, 20, { index, type: 'common.Address' })), override)
    }
    return out
  })
}

function accountOverride(value: unknown, index: number, remembered: Remembered): AccountOverride {
  if (value === null) return {}
  const json = objectOf(value, { index, type: 'override.OverrideAccount' }, remembered)
  return readFields(
    json ?? {},
    { fields: ACCOUNT, names: ACCOUNT_NAMES, struct: 'OverrideAccount', index },
    remembered,
  )
}

export function blockOverrides(value: unknown, index: number): BlockOverrides {
  const given = reading((remembered) => {
    const json = objectOf(value, { index, type: 'override.BlockOverrides' }, remembered)
    return readFields(
      json ?? {},
      { fields: BLOCK, names: BLOCK_NAMES, struct: 'BlockOverrides', index },
      remembered,
    )
  }) as Omit<BlockOverrides, 'number' | 'timestamp'> & { number?: bigint; timestamp?: bigint }
  const number = small(given.number, 'Number')
  const timestamp = small(given.timestamp, 'Time')
  small(given.baseFee, 'BaseFeePerGas')
  small(given.blobBaseFee, 'BlobBaseFee')
  const { number: _number, timestamp: _timestamp, ...rest } = given
  return {
    ...rest,
    ...(number !== undefined && { number: Number(number) }),
    ...(timestamp !== undefined && { timestamp: Number(timestamp) }),
  }
}

function readFields(
  json: object,
  {
    fields,
    names,
    struct,
    index,
  }: {
    fields: Readonly<Record<string, Field>>
    names: ReadonlyMap<string, string>
    struct: string
    index: number
  },
  remembered: Remembered,
): object {
  const out: Record<string, unknown> = {}
  for (const [name, given] of structFields(json, names)) {
    const { ours, read } = fields[name] as Field
    const into = (type: string): Into => ({ index, type, field: `${struct}.${name}` })
    if (given === null) delete out[ours]
    else out[ours] = read(given, into, remembered)
  }
  return out
}

function slots(
  value: unknown,
  into: (type: string) => Into,
  remembered: Remembered,
): ReadonlyMap<Hex, Uint8Array> {
  const target = into('common.Hash')
  const json = objectOf(value, into('map[common.Hash]common.Hash'), remembered)
  return new Map(
    Object.entries(json ?? {}).map(([key, slot]) => {
      const bytes = fixedBytes(slot, 32, target)
      return [toHex(fixedBytes(key, 32, target)), bytes]
    }),
  )
}

/** Our block numbers and times are exact up to 2^53, and the core takes fees of so many bits; no chain comes there. */
const BITS = { Number: 53n, Time: 53n, BaseFeePerGas: 64n, BlobBaseFee: 128n } as const

function small(value: bigint | undefined, name: keyof typeof BITS): bigint | undefined {
  if (value === undefined || value < 1n << BITS[name]) return value
  throw failed('server', `block override "${name}" of 2^${BITS[name]} and more is not supported`)
}
