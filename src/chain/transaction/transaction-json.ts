/** A transaction as JSON-RPC gives it inside a block: rebuilt as bytes and believed only if they hash to its hash. */
import { toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import {
  jsonBigint,
  jsonBytes,
  jsonFixed,
  jsonHash,
  jsonList,
  jsonNumber,
  jsonObject,
  type JsonObject,
} from '#chain/codec/json-fields.ts'
import type { AccessListItem, Authorization, Transaction } from './transaction.ts'
import { assertKnownType, decodeTransaction, encodeTransaction, type Unencoded } from './transaction-rlp.ts'

/** @throws Fault chain/malformed, chain/unknown-transaction-type, chain/transaction-mismatch */
export function transactionFromJson(value: unknown): Transaction {
  const json = jsonObject(value, 'a transaction')
  const type = json['type'] === undefined ? 0 : jsonNumber(json['type'], 'type')
  assertKnownType(type)
  const transaction = decodeTransaction(encodeTransaction({ type, ...fieldsOf(type, json) } as Unencoded))
  const computed = toHex(transaction.hash)
  const claimed = jsonHash(json['hash'], 'hash')
  if (computed !== claimed) {
    throw new Fault(
      'chain/transaction-mismatch',
      `a transaction of type ${type} hashes to ${computed}, not to ${claimed} as its client says`,
      { claimed, computed, type },
    )
  }
  return transaction
}

function fieldsOf(type: number, json: JsonObject): object {
  const bigint = (name: string): bigint => jsonBigint(json[name], name)
  const to = json['to'] === null || json['to'] === undefined ? undefined : jsonFixed(json['to'], 20, 'to')
  const v = type === 0 || json['v'] !== undefined ? bigint('v') : bigint('yParity')
  const chainId = type === 0 ? (v >= 35n ? (v - 35n) / 2n : undefined) : bigint('chainId')
  return {
    ...(chainId === undefined ? {} : { chainId }),
    nonce: bigint('nonce'),
    ...(type < 2
      ? { gasPrice: bigint('gasPrice') }
      : { maxPriorityFeePerGas: bigint('maxPriorityFeePerGas'), maxFeePerGas: bigint('maxFeePerGas') }),
    gasLimit: bigint('gas'),
    ...(to && { to }),
    value: bigint('value'),
    data: jsonBytes(json['input'] ?? json['data'], 'input'),
    ...(type === 0 ? {} : { accessList: accessListFromJson(json['accessList'] ?? []) }),
    ...(type === 3
      ? {
          maxFeePerBlobGas: bigint('maxFeePerBlobGas'),
          blobVersionedHashes: jsonList(json['blobVersionedHashes'], 'blobVersionedHashes').map((hash) =>
            jsonFixed(hash, 32, 'a blob versioned hash'),
          ),
        }
      : {}),
    ...(type === 4 ? { authorizationList: authorizationsFromJson(json['authorizationList']) } : {}),
    v,
    r: bigint('r'),
    s: bigint('s'),
  }
}

export function accessListFromJson(value: unknown): AccessListItem[] {
  return jsonList(value, 'accessList').map((entry) => {
    const json = jsonObject(entry, 'an access list entry')
    const storageKeys = jsonList(json['storageKeys'] ?? [], 'storageKeys')
    return {
      address: jsonFixed(json['address'], 20, 'address'),
      storageKeys: storageKeys.map((key) => jsonFixed(key, 32, 'a storage key')),
    }
  })
}

export function authorizationsFromJson(value: unknown): Authorization[] {
  return jsonList(value, 'authorizationList').map((entry) => {
    const json = jsonObject(entry, 'an authorization')
    return {
      chainId: jsonBigint(json['chainId'], 'chainId'),
      address: jsonFixed(json['address'], 20, 'address'),
      nonce: jsonBigint(json['nonce'], 'nonce'),
      yParity: jsonNumber(json['yParity'] ?? json['v'], 'yParity'),
      r: jsonBigint(json['r'], 'r'),
      s: jsonBigint(json['s'], 's'),
    }
  })
}
