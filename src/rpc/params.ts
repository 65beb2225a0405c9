/** Decoders of parameters, hand-written, refusing in geth's words (`-32602 invalid argument N: …`). */
import type { BlockHash } from '#chain/block-ref.ts'
import { fromHex, tryFromHex } from '#kernel/bytes.ts'
import { failed, type RpcFailure } from './errors.ts'

export type Tag = 'latest' | 'safe' | 'finalized' | 'earliest' | 'pending'

/** A place on the chain as users name it (EIP-1898). */
export type BlockPlace =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'hash'; readonly hash: BlockHash; readonly requireCanonical: boolean }

const TAGS: readonly string[] = ['latest', 'safe', 'finalized', 'earliest', 'pending']
const LATEST: BlockPlace = { kind: 'tag', tag: 'latest' }
const INT64_MAX = 2n ** 63n - 1n

/** The parameters of a call as a list, with its length checked. */
export function list(params: unknown, required: number, most: number): readonly unknown[] {
  if (params !== undefined && params !== null && !Array.isArray(params))
    throw failed('invalidParams', 'non-array args')
  const values = (params ?? []) as unknown[]
  if (values.length > most) throw failed('invalidParams', `too many arguments, want at most ${most}`)
  for (let i = 0; i < required; i++) {
    if (values[i] === undefined || values[i] === null)
      throw failed('invalidParams', `missing value for required argument ${i}`)
  }
  return values
}

export function invalid(index: number, why: string): RpcFailure {
  return failed('invalidParams', `invalid argument ${index}: ${why}`)
}

/** Fixed-size bytes: addresses and hashes. `type` is geth's name. */
export function fixedBytes(
  value: unknown,
  index: number,
  length: number,
  type: string,
  where = `Go value of type ${type}`,
): Uint8Array {
  if (typeof value !== 'string') throw invalid(index, `json: cannot unmarshal ${goKind(value)} into ${where}`)
  if (!/^0x/i.test(value))
    throw invalid(index, `json: cannot unmarshal hex string without 0x prefix into ${where}`)
  if (value.length % 2 !== 0)
    throw invalid(index, `json: cannot unmarshal hex string of odd length into ${where}`)
  if (value.length !== 2 + 2 * length)
    throw invalid(index, `hex string has length ${value.length - 2}, want ${2 * length} for ${type}`)
  const bytes = tryFromHex(value.replace(/^0X/, '0x'))
  if (bytes === undefined) throw invalid(index, `json: cannot unmarshal invalid hex string into ${where}`)
  return bytes
}

export function address(value: unknown, index: number): Uint8Array {
  return fixedBytes(value, index, 20, 'common.Address')
}

export function hash32(value: unknown, index: number): Uint8Array {
  return fixedBytes(value, index, 32, 'common.Hash')
}

/** A quantity of at most `bits`; `where` is geth's name of what it goes into. */
export function quantity(value: unknown, index: number, bits: number, where: string): bigint {
  const refuse = (why: string): RpcFailure => invalid(index, `json: cannot unmarshal ${why} into ${where}`)
  if (typeof value !== 'string') throw refuse(goKind(value))
  if (!value.startsWith('0x')) throw refuse('hex string without 0x prefix')
  const digits = value.slice(2)
  if (digits === '') throw refuse('hex string "0x"')
  if (!/^[0-9a-fA-F]+$/.test(digits)) throw refuse('invalid hex string')
  if (digits.length > 1 && digits[0] === '0') throw refuse('hex number with leading zero digits')
  const number = BigInt(value)
  if (number >> BigInt(bits) > 0n) throw refuse(`hex number > ${bits} bits`)
  return number
}

export function data(value: unknown, index: number, where: string): Uint8Array {
  const refuse = (why: string): RpcFailure => invalid(index, `json: cannot unmarshal ${why} into ${where}`)
  if (typeof value !== 'string') throw refuse(goKind(value))
  if (!value.startsWith('0x')) throw refuse('hex string without 0x prefix')
  if (value.length % 2 !== 0) throw refuse('hex string of odd length')
  const bytes = tryFromHex(value)
  if (bytes === undefined) throw refuse('invalid hex string')
  return bytes
}

export function boolean(value: unknown, index: number): boolean {
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean')
    throw invalid(index, `json: cannot unmarshal ${goKind(value)} into Go value of type bool`)
  return value
}

/** rpc.BlockNumber: a tag or a number. */
export function blockNumber(value: unknown, index: number): Exclude<BlockPlace, { kind: 'hash' }> {
  if (value === undefined || value === null) return LATEST as { kind: 'tag'; tag: Tag }
  if (typeof value !== 'string')
    throw invalid(index, `json: cannot unmarshal ${goKind(value)} into Go value of type rpc.BlockNumber`)
  if (TAGS.includes(value)) return { kind: 'tag', tag: value as Tag }
  return { kind: 'number', number: parseNumber(value, index) }
}

/** rpc.BlockNumberOrHash: a tag, a number, a hash, or EIP-1898's object; absent is latest. */
export function blockPlace(value: unknown, index: number): BlockPlace {
  if (value === undefined || value === null) return LATEST
  if (typeof value === 'string') {
    if (value.length === 66) return { kind: 'hash', hash: hashText(value, index), requireCanonical: false }
    return blockNumber(value, index)
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(index, `json: cannot unmarshal ${goKind(value)} into Go value of type string`)
  }
  const { blockHash, blockNumber: number, requireCanonical } = value as Record<string, unknown>
  if (blockHash !== undefined && number !== undefined) {
    throw invalid(index, 'cannot specify both BlockHash and BlockNumber, choose one or the other')
  }
  if (blockHash !== undefined)
    return {
      kind: 'hash',
      hash: hashText(blockHash, index),
      requireCanonical: boolean(requireCanonical, index),
    }
  if (number !== undefined) return blockNumber(number, index)
  throw invalid(index, 'invalid arguments; neither block nor hash specified')
}

/** eth_getStorageAt's key: up to 32 bytes of hex, short forms too. */
export function storageKey(value: unknown, index: number): Uint8Array {
  if (typeof value !== 'string')
    throw invalid(index, `json: cannot unmarshal ${goKind(value)} into Go value of type string`)
  const digits = value.replace(/^0[xX]/, '')
  if (digits.length > 64)
    throw failed('invalidParams', `storage key too long (want at most 32 bytes): ${JSON.stringify(value)}`)
  if (!/^[0-9a-fA-F]*$/.test(digits))
    throw failed('invalidParams', `invalid hex in storage key: ${JSON.stringify(value)}`)
  return fromHex(`0x${digits.padStart(64, '0')}`)
}

export function hashText(value: unknown, index: number): BlockHash {
  hash32(value, index)
  return (value as string).toLowerCase() as BlockHash
}

/** What Go calls the kind of a JSON value. */
export function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'object') return 'object'
  return typeof value === 'number' ? 'number' : 'non-string'
}

function parseNumber(text: string, index: number): number {
  if (!text.startsWith('0x')) throw invalid(index, 'hex string without 0x prefix')
  const digits = text.slice(2)
  if (digits === '') throw invalid(index, 'hex string "0x"')
  if (!/^[0-9a-fA-F]+$/.test(digits)) throw invalid(index, 'invalid hex string')
  if (digits.length > 1 && digits[0] === '0') throw invalid(index, 'hex number with leading zero digits')
  const number = BigInt(text)
  if (number >> 64n > 0n) throw invalid(index, 'hex number > 64 bits')
  if (number > INT64_MAX) throw invalid(index, 'block number larger than int64')
  // Above 2^53 no chain has a block; the exact value does not matter for "not found".
  return number > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(number)
}
