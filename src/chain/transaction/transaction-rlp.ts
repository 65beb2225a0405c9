/** Transactions and their canonical bytes (EIP-2718 and the EIPs of each type). */
import { keccak256 } from '#core/keccak.ts'
import { concatBytes } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Address } from '#chain/block/block-ref.ts'
import { splitEnvelope } from '#chain/block/envelope.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { rlpBigint, rlpBytes, rlpFixed, rlpList, rlpOf } from '#chain/codec/rlp-fields.ts'
import type { AccessListItem, Authorization, Transaction } from './transaction.ts'

/** Fields of each type's list. */
const FIELDS: Record<Transaction['type'], number> = { 0: 9, 1: 11, 2: 12, 3: 14, 4: 13 }

/**
 * Reads the canonical bytes. The network form of a blob transaction, with its sidecar, is refused by name.
 * @throws Fault chain/unknown-transaction-type, chain/malformed, chain/rlp
 */
export function decodeTransaction(raw: Uint8Array): Transaction {
  const { type, payload } = splitEnvelope(raw, 'a transaction')
  assertKnownType(type)
  const list = rlpList(decodeRlp(payload), 'a transaction')
  if (type === 3 && list[0] !== undefined && !(list[0] instanceof Uint8Array)) {
    throw new Fault(
      'chain/malformed',
      'a blob transaction in its network form, with a sidecar (EIP-4844, EIP-7594), is no part of a block',
    )
  }
  if (list.length !== FIELDS[type]) {
    throw new Fault(
      'chain/malformed',
      `a transaction of type ${type} has ${FIELDS[type]} fields, not ${list.length}`,
    )
  }
  return { raw, hash: keccak256(raw), ...fieldsOf(type, list) } as Transaction
}

/** @throws Fault chain/unknown-transaction-type */
export function assertKnownType(type: number): asserts type is Transaction['type'] {
  if (type in FIELDS) return
  throw new Fault(
    'chain/unknown-transaction-type',
    `a transaction of type ${type}: these rules know types 0 to 4`,
    { type },
  )
}

/** The canonical bytes of fields. */
export function encodeTransaction(transaction: Unencoded): Uint8Array {
  return wrap(transaction.type, [...signedFields(transaction), ...signature(transaction)])
}
export type Unencoded = Transaction extends infer T
  ? T extends Transaction
    ? Omit<T, 'raw' | 'hash'>
    : never
  : never

/** What the sender signed (EIP-155 for replay-protected legacy ones). */
export function signingHash(transaction: Unencoded): Uint8Array {
  const fields = signedFields(transaction)
  if (transaction.type === 0 && transaction.chainId !== undefined) {
    fields.push(rlpOf(transaction.chainId), new Uint8Array(0), new Uint8Array(0))
  }
  return keccak256(wrap(transaction.type, fields))
}

/** 0 or 1. */
export function yParityOf(transaction: Unencoded): number {
  if (transaction.type !== 0) return Number(transaction.v)
  if (transaction.v === 27n || transaction.v === 28n) return Number(transaction.v - 27n)
  return Number((transaction.v - 35n) % 2n)
}

function wrap(type: number, fields: RlpItem[]): Uint8Array {
  const rlp = encodeRlp(fields)
  return type === 0 ? rlp : concatBytes(Uint8Array.of(type), rlp)
}

function fieldsOf(type: Transaction['type'], list: readonly RlpItem[]): object {
  let i = 0
  const bigint = (what: string, bytesMax = 32): bigint => rlpBigint(list[i++], what, bytesMax)
  const chainId = type === 0 ? undefined : bigint('chainId')
  const nonce = bigint('nonce', 8)
  const fees =
    type < 2
      ? { gasPrice: bigint('gasPrice') }
      : { maxPriorityFeePerGas: bigint('maxPriorityFeePerGas'), maxFeePerGas: bigint('maxFeePerGas') }
  const gasLimit = bigint('gasLimit', 8)
  const to = addressOrNone(list[i++])
  if (type > 2 && to === undefined)
    throw new Fault('chain/malformed', `a transaction of type ${type} must have a recipient`)
  const value = bigint('value')
  const data = rlpBytes(list[i++], 'data')
  const accessList = type === 0 ? {} : { accessList: decodeAccessList(list[i++]) }
  const blobs =
    type === 3 ? { maxFeePerBlobGas: bigint('maxFeePerBlobGas'), blobVersionedHashes: hashes(list[i++]) } : {}
  const authorizations = type === 4 ? { authorizationList: decodeAuthorizations(list[i++]) } : {}
  const v = checkedV(type, bigint('v'))
  const r = bigint('r')
  const s = bigint('s')
  const legacyChain = type === 0 && v >= 35n ? { chainId: (v - 35n) / 2n } : {}
  return {
    type,
    ...(chainId === undefined ? legacyChain : { chainId }),
    nonce,
    ...fees,
    gasLimit,
    ...(to && { to }),
    value,
    data,
    ...accessList,
    ...blobs,
    ...authorizations,
    v,
    r,
    s,
  }
}

/** Others have no y parity: 29, say, is no signature of any chain (EIP-155). */
function checkedV(type: Transaction['type'], v: bigint): bigint {
  const isParity = type === 0 ? v === 27n || v === 28n || v >= 35n : v <= 1n
  if (!isParity)
    throw new Fault('chain/malformed', `a transaction of type ${type} has no signature with v ${v}`)
  return v
}

function signedFields(t: Unencoded): RlpItem[] {
  const to = t.to ?? new Uint8Array(0)
  const fees =
    t.type < 2
      ? [rlpOf((t as { gasPrice: bigint }).gasPrice)]
      : feesOf(t as { maxPriorityFeePerGas: bigint; maxFeePerGas: bigint })
  const common = [rlpOf(t.nonce), ...fees, rlpOf(t.gasLimit), to, rlpOf(t.value), t.data]
  if (t.type === 0) return common
  const typed: RlpItem[] = [rlpOf(t.chainId), ...common, encodeAccessList(t.accessList)]
  if (t.type === 3) typed.push(rlpOf(t.maxFeePerBlobGas), t.blobVersionedHashes)
  if (t.type === 4) typed.push(encodeAuthorizations(t.authorizationList))
  return typed
}

function feesOf(t: { maxPriorityFeePerGas: bigint; maxFeePerGas: bigint }): RlpItem[] {
  return [rlpOf(t.maxPriorityFeePerGas), rlpOf(t.maxFeePerGas)]
}

function signature({ v, r, s }: Pick<Transaction, 'v' | 'r' | 's'>): RlpItem[] {
  return [rlpOf(v), rlpOf(r), rlpOf(s)]
}

function addressOrNone(item: RlpItem | undefined): Address | undefined {
  const bytes = rlpBytes(item, 'to')
  return bytes.length === 0 ? undefined : rlpFixed(bytes, 20, 'to')
}

function hashes(item: RlpItem | undefined): Uint8Array[] {
  return rlpList(item, 'blobVersionedHashes').map((hash) => rlpFixed(hash, 32, 'a blob versioned hash'))
}

function decodeAccessList(item: RlpItem | undefined): AccessListItem[] {
  return rlpList(item, 'accessList').map((entry) => {
    const [address, keys, ...rest] = rlpList(entry, 'an access list entry')
    if (rest.length > 0) throw new Fault('chain/malformed', 'an access list entry has two fields')
    return {
      address: rlpFixed(address, 20, 'an access list address'),
      storageKeys: rlpList(keys, 'storageKeys').map((key) => rlpFixed(key, 32, 'a storage key')),
    }
  })
}

function encodeAccessList(list: readonly AccessListItem[]): RlpItem {
  return list.map(({ address, storageKeys }) => [address, storageKeys])
}

function decodeAuthorizations(item: RlpItem | undefined): Authorization[] {
  return rlpList(item, 'authorizationList').map((entry) => {
    const list = rlpList(entry, 'an authorization')
    if (list.length !== 6) throw new Fault('chain/malformed', 'an authorization has six fields')
    return {
      chainId: rlpBigint(list[0], 'chainId'),
      address: rlpFixed(list[1], 20, 'address'),
      nonce: rlpBigint(list[2], 'nonce', 8),
      // EIP-7702: any byte is well formed; one that is no parity makes the authorization void, not the transaction.
      yParity: Number(rlpBigint(list[3], 'yParity', 1)),
      r: rlpBigint(list[4], 'r'),
      s: rlpBigint(list[5], 's'),
    }
  })
}

function encodeAuthorizations(list: readonly Authorization[]): RlpItem {
  return list.map((a) => [
    rlpOf(a.chainId),
    a.address,
    rlpOf(a.nonce),
    rlpOf(a.yParity),
    rlpOf(a.r),
    rlpOf(a.s),
  ])
}
