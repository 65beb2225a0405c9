/** geth's TransactionArgs: what eth_call and eth_estimateGas take. */
import type { AccessListItem, Authorization } from '#chain/transaction/transaction.ts'
import { anyBytes, cannot, fixedBytes, goKind, type Into, invalid, quantity } from './geth-hex.ts'
import {
  fieldNames,
  isPlainObject,
  listOf,
  nameOf,
  objectOf,
  reading,
  type Remembered,
  structFields,
} from './go-struct.ts'

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

type Read = (value: unknown, into: (type: string) => Into, remembered: Remembered) => unknown

const bytes20: Read = (value, into) => fixedBytes(value, 20, into('common.Address'))
const big: Read = (value, into) => quantity(value, 256, into('*hexutil.Big'))
const uint64: Read = (value, into) => quantity(value, 64, into('hexutil.Uint64'))
const bytes: Read = (value, into) => anyBytes(value, into('hexutil.Bytes'))
/** Parts of a sidecar: geth's calls read them and look no further. */
const sidecar =
  (size: number, type: string): Read =>
  (value, into, remembered) => {
    for (const one of listOf(value, into(`[]${type}`), remembered) ?? []) fixedBytes(one, size, into(type))
    return undefined
  }

const FIELDS = {
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
  accessList: (value, into, remembered) =>
    listOf(value, into('types.AccessList'), remembered)?.map((one) => accessTuple(one, into)),
  chainId: big,
  maxFeePerBlobGas: big,
  blobVersionedHashes: (value, into, remembered) =>
    listOf(value, into('[]common.Hash'), remembered)?.map((hash) =>
      fixedBytes(hash, 32, into('common.Hash')),
    ),
  blobs: sidecar(131_072, 'kzg4844.Blob'),
  commitments: sidecar(48, 'kzg4844.Commitment'),
  proofs: sidecar(48, 'kzg4844.Proof'),
  authorizationList: (value, into, remembered) =>
    listOf(value, into('[]types.SetCodeAuthorization'), remembered)?.map((one) => authorization(one, into)),
} satisfies Record<string, Read>
const NAMES = fieldNames(...(Object.keys(FIELDS) as (keyof typeof FIELDS)[]))

export function callObject(value: unknown, index: number): CallObject {
  if (!isPlainObject(value)) throw cannot(goKind(value), { index, type: 'ethapi.TransactionArgs' })
  const json = value as Readonly<Record<string, unknown>>
  const remembered: Remembered = {}
  const out: Record<string, unknown> = {}
  let data: unknown
  for (const key of Object.keys(json)) {
    const name = nameOf(NAMES, key)
    if (name === undefined) continue
    const given = json[key]
    const read =
      given === null
        ? undefined
        : FIELDS[name](given, (type) => ({ index, type, field: `TransactionArgs.${name}` }), remembered)
    if (name === 'data') data = read
    else if (read !== undefined) out[name] = read
    else delete out[name]
  }
  if (remembered.error !== undefined) throw remembered.error
  // The old name of input; where both are there, geth's calls look at input alone.
  if (data !== undefined && out['input'] === undefined) out['input'] = data
  return out
}

const ACCESS_TUPLE = fieldNames('address', 'storageKeys')

function accessTuple(value: unknown, into: (type: string) => Into): AccessListItem {
  const fields = requiredFields(value, ACCESS_TUPLE, into('types.AccessTuple'), {
    address: (one) => fixedBytes(one, 20, inside(into('common.Address'), 'address')),
    storageKeys: (one, remembered) =>
      listOf(one, inside(into('[]common.Hash'), 'storageKeys'), remembered)?.map((key) =>
        fixedBytes(key, 32, inside(into('common.Hash'), 'storageKeys')),
      ),
  })
  return fields as unknown as AccessListItem
}

const AUTHORIZATION = fieldNames('chainId', 'address', 'nonce', 'yParity', 'r', 's')

function authorization(value: unknown, into: (type: string) => Into): Authorization {
  const read =
    (name: string, type: string, bits: number) =>
    (one: unknown): bigint =>
      quantity(one, bits, inside(into(type), name))
  const fields = requiredFields(value, AUTHORIZATION, into('types.SetCodeAuthorization'), {
    chainId: read('chainId', '*uint256.Int', 256),
    address: (one) => fixedBytes(one, 20, inside(into('common.Address'), 'address')),
    nonce: read('nonce', 'hexutil.Uint64', 64),
    yParity: (one) => Number(read('yParity', 'hexutil.Uint64', 64)(one) & 0xffn),
    r: read('r', '*uint256.Int', 256),
    s: read('s', '*uint256.Int', 256),
  })
  return fields as unknown as Authorization
}

/** A struct with an UnmarshalJSON of its own that demands all of its fields, the first missing one first. */
function requiredFields<Name extends string>(
  value: unknown,
  names: ReadonlyMap<string, Name>,
  into: Into,
  read: Readonly<Record<Name, (value: unknown, remembered: Remembered) => unknown>>,
): Readonly<Record<Name, unknown>> {
  return reading((remembered) => {
    const out: Partial<Record<Name, unknown>> = {}
    // null is a struct without fields.
    const json = value === null ? {} : objectOf(value, into, remembered)
    for (const [name, given] of structFields(json ?? {}, names))
      out[name] = given === null ? undefined : read[name](given, remembered)
    if (remembered.error !== undefined) throw remembered.error
    const missing = (Object.keys(read) as Name[]).find((name) => out[name] === undefined)
    if (missing === undefined) return out as Record<Name, unknown>
    throw invalid(into.index, `missing required field '${missing}' for ${into.type.replace('types.', '')}`)
  })
}

function inside(into: Into, name: string): Into {
  return { ...into, field: `${into.field}.${name}` }
}
