/** geth's TransactionArgs: what eth_call and eth_estimateGas take. */
import type { AccessListItem, Authorization } from '#chain/transaction.ts'
import { failed } from './errors.ts'
import { anyBytes, cannot, fixedBytes, goKind, type Into, invalid, quantity } from './geth-hex.ts'

export interface CallObject {
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

type Read = (value: unknown, into: (type: string) => Into) => unknown

const bytes20: Read = (value, into) => fixedBytes(value, 20, into('common.Address'))
const big: Read = (value, into) => quantity(value, 256, into('*hexutil.Big'))
const uint64: Read = (value, into) => quantity(value, 64, into('hexutil.Uint64'))
const bytes: Read = (value, into) => anyBytes(value, into('hexutil.Bytes'))

/** Every field that is read, in geth's order; another name is ignored, as geth does. */
const FIELDS: Readonly<Record<string, Read>> = {
  from: bytes20,
  to: bytes20,
  gas: uint64,
  gasPrice: big,
  maxFeePerGas: big,
  maxPriorityFeePerGas: big,
  value: big,
  nonce: uint64,
  data: bytes,
  input: bytes,
  accessList: (value, into) => items(value, into('types.AccessList')).map((one) => accessTuple(one, into)),
  chainId: big,
  maxFeePerBlobGas: big,
  blobVersionedHashes: (value, into) =>
    items(value, into('[]common.Hash')).map((hash) => fixedBytes(hash, 32, into('common.Hash'))),
  authorizationList: (value, into) =>
    items(value, into('[]types.SetCodeAuthorization')).map((one) => authorization(one, into)),
}

const READS = Object.entries(FIELDS)

export function callObject(value: unknown, index: number): CallObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw cannot(goKind(value), { index, type: 'ethapi.TransactionArgs' })
  const json = value as Record<string, unknown>
  const out: Record<string, unknown> = {}
  for (const [name, read] of READS) {
    const given = json[name] ?? undefined
    if (given === undefined) continue
    const value = read(given, (type) => ({ index, type, field: `TransactionArgs.${name}` }))
    // `data` is the old name of input; where both are there, geth's calls look at input alone.
    out[name === 'data' ? 'input' : name] = value
  }
  return checked(out as CallObject)
}

function checked(call: CallObject): CallObject {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = call
  if (gasPrice !== undefined && (maxFeePerGas ?? maxPriorityFeePerGas) !== undefined)
    throw failed('server', 'both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified')
  return call
}

function items(value: unknown, into: Into): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw cannot(goKind(value), into)
}

function accessTuple(value: unknown, into: (type: string) => Into): AccessListItem {
  const { address, storageKeys } = fieldsOf(value, ['address', 'storageKeys'], 'AccessTuple', into)
  return {
    address: fixedBytes(address, 20, inside(into('common.Address'), 'address')),
    storageKeys: items(storageKeys, inside(into('[]common.Hash'), 'storageKeys')).map((key) =>
      fixedBytes(key, 32, inside(into('common.Hash'), 'storageKeys')),
    ),
  }
}

function authorization(value: unknown, into: (type: string) => Into): Authorization {
  const names = ['chainId', 'address', 'nonce', 'yParity', 'r', 's'] as const
  const json = fieldsOf(value, names, 'SetCodeAuthorization', into)
  const read = (name: (typeof names)[number], type: string, bits: number): bigint =>
    quantity(json[name], bits, inside(into(type), name))
  return {
    chainId: read('chainId', 'uint256.Int', 256),
    address: fixedBytes(json.address, 20, inside(into('common.Address'), 'address')),
    nonce: read('nonce', 'hexutil.Uint64', 64),
    yParity: Number(read('yParity', 'hexutil.Uint64', 8)),
    r: read('r', 'uint256.Int', 256),
    s: read('s', 'uint256.Int', 256),
  }
}

function fieldsOf<Name extends string>(
  value: unknown,
  names: readonly Name[],
  type: string,
  into: (type: string) => Into,
): Record<Name, unknown> {
  const target = into(`types.${type}`)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw cannot(goKind(value), target)
  for (const name of names) {
    if (((value as Record<string, unknown>)[name] ?? undefined) === undefined)
      throw invalid(target.index, `missing required field '${name}' for ${type}`)
  }
  return value as Record<Name, unknown>
}

function inside(into: Into, name: string): Into {
  return { ...into, field: `${into.field}.${name}` }
}
