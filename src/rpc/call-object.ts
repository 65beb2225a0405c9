/** geth's TransactionArgs: what eth_call and eth_estimateGas take. */
import { accessListFromJson, authorizationsFromJson } from '#chain/transaction-json.ts'
import type { AccessListItem, Authorization } from '#chain/transaction.ts'
import { equalBytes } from '#kernel/bytes.ts'
import { messageOf } from '#kernel/fault.ts'
import { failed } from './errors.ts'
import { data, fixedBytes, goKind, invalid, quantity } from './params.ts'

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

/** What is read at which width; another name is ignored, as geth does. */
const QUANTITIES = {
  gas: ['hexutil.Uint64', 64],
  gasPrice: ['hexutil.Big', 256],
  maxFeePerGas: ['hexutil.Big', 256],
  maxPriorityFeePerGas: ['hexutil.Big', 256],
  value: ['hexutil.Big', 256],
  nonce: ['hexutil.Uint64', 64],
  chainId: ['hexutil.Big', 256],
  maxFeePerBlobGas: ['hexutil.Big', 256],
} as const

export function callObject(value: unknown, index: number): CallObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(
      index,
      `json: cannot unmarshal ${typeof value === 'string' ? 'string' : goKind(value)} into Go value of type ethapi.TransactionArgs`,
    )
  }
  const json = value as Record<string, unknown>
  const there = (name: string): boolean => json[name] !== undefined && json[name] !== null
  const field = (name: string, type: string): string =>
    `Go struct field TransactionArgs.${name} of type ${type}`
  const out: Record<string, unknown> = {}
  for (const name of ['from', 'to']) {
    if (there(name))
      out[name] = fixedBytes(json[name], index, 20, 'common.Address', field(name, 'common.Address'))
  }
  for (const [name, [type, bits]] of Object.entries(QUANTITIES)) {
    if (there(name)) out[name] = quantity(json[name], index, bits, field(name, type))
  }
  const input = there('input') ? data(json['input'], index, field('input', 'hexutil.Bytes')) : undefined
  const old = there('data') ? data(json['data'], index, field('data', 'hexutil.Bytes')) : undefined
  if (input && old && !equalBytes(input, old)) {
    throw failed(
      'server',
      'both "data" and "input" are set and not equal. Please use "input" to pass transaction call data',
    )
  }
  if (input ?? old) out['input'] = input ?? old
  try {
    if (there('accessList')) out['accessList'] = accessListFromJson(json['accessList'])
    if (there('authorizationList'))
      out['authorizationList'] = authorizationsFromJson(json['authorizationList'])
  } catch (thrown) {
    throw invalid(index, messageOf(thrown))
  }
  if (there('blobVersionedHashes')) {
    const hashes = json['blobVersionedHashes']
    if (!Array.isArray(hashes))
      throw invalid(
        index,
        `json: cannot unmarshal ${goKind(hashes)} into ${field('blobVersionedHashes', '[]common.Hash')}`,
      )
    out['blobVersionedHashes'] = hashes.map((hash) => fixedBytes(hash, index, 32, 'common.Hash'))
  }
  const call = out as CallObject
  if (
    call.gasPrice !== undefined &&
    (call.maxFeePerGas !== undefined || call.maxPriorityFeePerGas !== undefined)
  ) {
    throw failed('server', 'both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified')
  }
  return call
}
