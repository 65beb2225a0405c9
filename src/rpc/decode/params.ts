/**
 * Parameters by position: each method says what it takes, and the decoders, hand-written, refuse what it does not in geth's words
 * (`-32602 invalid argument N: …`), the first wrong one first.
 */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { fromHex, type Hex, toHex, utf8 } from '#kernel/bytes.ts'
import { failed } from '#rpc/errors.ts'
import { cannot, decodeNumber, fixedBytes, goKind, invalid, quantity } from './geth-hex.ts'
import { fieldNames, listOf, objectOf, reading, structFields } from './go-struct.ts'
import { rpcLimits } from '#rpc/limits.ts'

/** How one position is read. */
export interface Param<T> {
  readonly read: (value: unknown, index: number) => T
  /** What an absent or null one means; without it, it is required. */
  readonly absent?: { readonly value: T }
}
type Values<S extends readonly Param<unknown>[]> = { [K in keyof S]: S[K] extends Param<infer T> ? T : never }

export function required<T>(read: Param<T>['read']): Param<T> {
  return { read }
}

export function optional<T>(read: Param<T>['read'], absent: T): Param<T> {
  return { read, absent: { value: absent } }
}

/** @throws RpcFailure */
export function readParams<const S extends readonly Param<unknown>[]>(
  params: unknown,
  ...shape: S
): Values<S> {
  if (params !== undefined && params !== null && !Array.isArray(params))
    throw failed('invalidParams', 'non-array args')
  const given = (params ?? []) as readonly unknown[]
  const values: unknown[] = []
  for (let index = 0; index < shape.length; index++) {
    const { read, absent } = shape[index] as Param<unknown>
    const value = given[index] ?? undefined
    if (value !== undefined) values.push(read(value, index))
    else if (absent !== undefined) values.push(absent.value)
    else throw failed('invalidParams', `missing value for required argument ${index}`)
  }
  if (given.length > shape.length)
    throw failed('invalidParams', `too many arguments, want at most ${shape.length}`)
  return values as Values<S>
}

export type Tag = 'latest' | 'safe' | 'finalized' | 'earliest' | 'pending'

/** A place on the chain as users name it (EIP-1898). */
export type BlockPlace =
  | { readonly kind: 'tag'; readonly tag: Tag }
  /** Above 2^53 no chain has a block: the number is 2^53-1 then, and `exact` says what was asked for. */
  | { readonly kind: 'number'; readonly number: number; readonly exact?: bigint }
  | { readonly kind: 'hash'; readonly hash: BlockHash; readonly requireCanonical: boolean }
export type NumberPlace = Exclude<BlockPlace, { kind: 'hash' }>

const TAGS: readonly string[] = ['latest', 'safe', 'finalized', 'earliest', 'pending'] satisfies Tag[]
export const LATEST = { kind: 'tag', tag: 'latest' } as const satisfies NumberPlace
const INT64_MAX = 2n ** 63n - 1n
const HASH_CHARACTERS = 66

export function address(value: unknown, index: number): Uint8Array {
  return fixedBytes(value, 20, { index, type: 'common.Address' })
}

export function hash32(value: unknown, index: number): Uint8Array {
  return fixedBytes(value, 32, { index, type: 'common.Hash' })
}

export function blockHash(value: unknown, index: number): BlockHash {
  hash32(value, index)
  return (value as string).toLowerCase() as BlockHash
}

export function boolean(value: unknown, index: number): boolean {
  if (typeof value === 'boolean') return value
  throw cannot(goKind(value), { index, type: 'bool' })
}

export function hexUint(value: unknown, index: number): number {
  return Number(quantity(value, 64, { index, type: 'hexutil.Uint' }))
}

/** rpc.BlockNumber: a tag or a number. */
export function numberPlace(value: unknown, index: number): NumberPlace {
  return placeOf(value, index, 'block number larger than int64')
}

/** rpc.BlockNumberOrHash: a tag, a number, a hash, or EIP-1898's object. */
export function blockPlace(value: unknown, index: number): BlockPlace {
  if (typeof value === 'object') return eip1898(value as Record<string, unknown>, index)
  if (typeof value !== 'string') throw cannot(goKind(value), { index, type: 'string' })
  if (!isAsLongAsHash(value)) return placeOf(value, index, 'blocknumber too high')
  // geth reads this one without naming the type that it wants.
  if (!/^0x/i.test(value)) throw invalid(index, 'hex string without 0x prefix')
  if (!/^..[0-9a-f]*$/i.test(value)) throw invalid(index, 'invalid hex string')
  return { kind: 'hash', hash: blockHash(value, index), requireCanonical: false }
}

/** geth counts bytes, of which a character has up to three for each of its units here. */
function isAsLongAsHash(text: string): boolean {
  const { length } = text
  return length <= HASH_CHARACTERS && 3 * length >= HASH_CHARACTERS && utf8(text).length === HASH_CHARACTERS
}

const EIP1898 = fieldNames('blockNumber', 'blockHash', 'requireCanonical')

function eip1898(value: Record<string, unknown>, index: number): BlockPlace {
  let number: NumberPlace | undefined
  let hash: BlockHash | undefined
  let requireCanonical = false
  try {
    if (Array.isArray(value)) throw cannot('array', { index, type: 'string' })
    for (const [name, given] of structFields(value, EIP1898)) {
      if (name === 'blockNumber') number = given === null ? undefined : numberPlace(given, index)
      else if (name === 'blockHash') hash = given === null ? undefined : blockHash(given, index)
      else if (given !== null) requireCanonical = boolean(given, index)
    }
  } catch {
    // Whatever is wrong inside, geth then tries to read the whole object as a text, and says that.
    throw cannot(goKind(value), { index, type: 'string' })
  }
  if (number !== undefined && hash !== undefined)
    throw invalid(index, 'cannot specify both BlockHash and BlockNumber, choose one or the other')
  if (number !== undefined) return number
  if (hash !== undefined) return { kind: 'hash', hash, requireCanonical }
  throw invalid(index, 'must specify either BlockHash or BlockNumber')
}

/** What is no text is refused as a text without prefix would be: geth looks at the JSON itself. */
function placeOf(value: unknown, index: number, tooHigh: string): NumberPlace {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (TAGS.includes(text)) return { kind: 'tag', tag: text as Tag }
  const number = decodeNumber(text)
  if (typeof number === 'string') throw invalid(index, number)
  if (number > INT64_MAX) throw invalid(index, tooHigh)
  return number > MAX_SAFE
    ? { kind: 'number', number: Number(MAX_SAFE), exact: number }
    : { kind: 'number', number: Number(number) }
}
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** eth_getStorageValues' keys, by address. */
export function slotsByAddress(
  value: unknown,
  index: number,
): readonly (readonly [address: Uint8Array, keys: readonly Uint8Array[]])[] {
  return reading((remembered) => {
    const json = objectOf(value, { index, type: 'map[common.Address][]common.Hash' }, remembered)
    return Object.entries(json ?? {}).map(([name, given]) => {
      const keys = given === null ? [] : listOf(given, { index, type: '[]common.Hash' }, remembered)
      const read = keys?.map((key) => hash32(key, index)) ?? []
      return [address(name, index), read] as const
    })
  })
}

export function string(value: unknown, index: number): string {
  if (typeof value === 'string') return value
  throw cannot(goKind(value), { index, type: 'string' })
}

/** eth_getStorageAt's key: up to 32 bytes of hex, short forms too. Refused once all parameters have been read. @throws RpcFailure */
export function storageKey(text: string): Uint8Array {
  const digits = text.replace(/^0[xX]/, '')
  if (utf8(digits).length > 64)
    throw failed('invalidParams', `storage key too long (want at most 32 bytes): ${JSON.stringify(text)}`)
  if (!/^[0-9a-fA-F]*$/.test(digits))
    throw failed('invalidParams', `invalid hex in storage key: ${JSON.stringify(text)}`)
  return fromHex(`0x${digits.padStart(64, '0')}`)
}

/** A slot of eth_getProof, and how the answer names it. */
export interface ProofKey {
  readonly key: Uint8Array
  /** As given where it was 32 bytes, else as a quantity. */
  readonly text: Hex
}

/** eth_getProof's slots. Go reads null as the empty text. */
export function strings(value: unknown, index: number): readonly string[] {
  return reading((remembered) =>
    (listOf(value, { index, type: '[]string' }, remembered) ?? []).map((each) => {
      if (typeof each === 'string') return each
      if (each !== null) remembered.error ??= cannot(goKind(each), { index, type: 'string' })
      return ''
    }),
  )
}

/** As {@link storageKey} each. @throws RpcFailure */
export function proofKeys(texts: readonly string[]): readonly ProofKey[] {
  if (texts.length > PROOF_KEYS_MAX)
    throw failed(
      'invalidParams',
      `too many storage keys requested (max ${PROOF_KEYS_MAX}, got ${texts.length})`,
    )
  return texts.map((text) => {
    const key = storageKey(text)
    const isWhole = text.replace(/^0[xX]/, '').length > 62
    return { key, text: isWhole ? toHex(key) : quantityOf(key) }
  })
}
const PROOF_KEYS_MAX = rpcLimits.proofKeysMax.value

function quantityOf(word: Uint8Array): Hex {
  return `0x${BigInt(toHex(word)).toString(16)}`
}
