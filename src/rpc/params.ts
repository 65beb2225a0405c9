/**
 * Parameters by position: each method says what it takes, and the decoders, hand-written, refuse what it does not in geth's words
 * (`-32602 invalid argument N: …`), the first wrong one first.
 */
import type { BlockHash } from '#chain/block-ref.ts'
import { fromHex, type Hex, toHex } from '#kernel/bytes.ts'
import { failed } from './errors.ts'
import { cannot, decodeNumber, fixedBytes, goKind, invalid, quantity } from './geth-hex.ts'
import { rpcLimits } from './limits.ts'

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
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'hash'; readonly hash: BlockHash; readonly requireCanonical: boolean }
export type NumberPlace = Exclude<BlockPlace, { kind: 'hash' }>

const TAGS: readonly string[] = ['latest', 'safe', 'finalized', 'earliest', 'pending'] satisfies Tag[]
export const LATEST = { kind: 'tag', tag: 'latest' } as const satisfies NumberPlace
const INT64_MAX = 2n ** 63n - 1n

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
  if (value.length !== 66) return placeOf(value, index, 'blocknumber too high')
  // geth reads this one without naming the type that it wants.
  if (!/^0x/i.test(value)) throw invalid(index, 'hex string without 0x prefix')
  if (!/^..[0-9a-f]*$/i.test(value)) throw invalid(index, 'invalid hex string')
  return { kind: 'hash', hash: blockHash(value, index), requireCanonical: false }
}

function eip1898(value: Record<string, unknown>, index: number): BlockPlace {
  const wrong = (): never => {
    throw cannot(Array.isArray(value) ? 'array' : 'object', { index, type: 'string' })
  }
  if (Array.isArray(value)) return wrong()
  const number = value['blockNumber'] ?? undefined
  const hash = value['blockHash'] ?? undefined
  const requireCanonical = value['requireCanonical'] ?? false
  if (typeof requireCanonical !== 'boolean') return wrong()
  let place: BlockPlace | undefined
  try {
    if (number !== undefined) place = numberPlace(number, index)
    if (hash !== undefined) place = { kind: 'hash', hash: blockHash(hash, index), requireCanonical }
  } catch {
    // Whatever is wrong inside, geth then tries to read the whole object as a text, and says that.
    return wrong()
  }
  if (number !== undefined && hash !== undefined)
    throw invalid(index, 'cannot specify both BlockHash and BlockNumber, choose one or the other')
  if (place === undefined) throw invalid(index, 'must specify either BlockHash or BlockNumber')
  return place
}

/** What is no text is refused as a text without prefix would be: geth looks at the JSON itself. */
function placeOf(value: unknown, index: number, tooHigh: string): NumberPlace {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (TAGS.includes(text)) return { kind: 'tag', tag: text as Tag }
  const number = decodeNumber(text)
  if (typeof number === 'string') throw invalid(index, number)
  if (number > INT64_MAX) throw invalid(index, tooHigh)
  // Above 2^53 no chain has a block; the exact value does not matter for "not found".
  return { kind: 'number', number: Number(number > MAX_SAFE ? MAX_SAFE : number) }
}
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** eth_getStorageValues' keys, by address. */
export function slotsByAddress(
  value: unknown,
  index: number,
): readonly (readonly [address: Uint8Array, keys: readonly Uint8Array[]])[] {
  const type = 'map[common.Address][]common.Hash'
  if (typeof value !== 'object' || Array.isArray(value)) throw cannot(goKind(value), { index, type })
  const entries = Object.entries(value as object).map(([name, keys]) => {
    if (keys !== null && !Array.isArray(keys)) throw cannot(goKind(keys), { index, type: '[]common.Hash' })
    const list = (keys ?? []) as readonly unknown[]
    return [address(name, index), list.map((key) => hash32(key, index))] as const
  })
  const slots = entries.reduce((sum, [, keys]) => sum + keys.length, 0)
  if (slots > SLOTS_MAX) throw failed('clientLimit', `too many slots (max ${SLOTS_MAX})`)
  if (slots === 0) throw failed('invalidParams', 'empty request')
  return entries
}
const SLOTS_MAX = rpcLimits.storageSlotsMax.value

/** eth_getStorageAt's key: up to 32 bytes of hex, short forms too. */
export function storageKey(value: unknown, index: number): Uint8Array {
  if (typeof value !== 'string') throw cannot(goKind(value), { index, type: 'string' })
  const digits = value.replace(/^0[xX]/, '')
  if (digits.length > 64)
    throw failed('invalidParams', `storage key too long (want at most 32 bytes): ${JSON.stringify(value)}`)
  if (!/^[0-9a-fA-F]*$/.test(digits))
    throw failed('invalidParams', `invalid hex in storage key: ${JSON.stringify(value)}`)
  return fromHex(`0x${digits.padStart(64, '0')}`)
}

/** A slot of eth_getProof, and how the answer names it. */
export interface ProofKey {
  readonly key: Uint8Array
  /** As given where it was 32 bytes, else as a quantity. */
  readonly text: Hex
}

/** eth_getProof's slots: as {@link storageKey} each, in a list. */
export function proofKeys(value: unknown, index: number): readonly ProofKey[] {
  if (!Array.isArray(value)) throw cannot(goKind(value), { index, type: '[]string' })
  // Go reads no text as the empty one.
  const keys = value.map((each: unknown) => {
    if (typeof each === 'string' || each === null) return each ?? ''
    throw cannot(goKind(each), { index, type: 'string' })
  })
  if (keys.length > PROOF_KEYS_MAX)
    throw failed(
      'invalidParams',
      `too many storage keys requested (max ${PROOF_KEYS_MAX}, got ${keys.length})`,
    )
  return keys.map((text) => {
    const key = storageKey(text, index)
    const isWhole = text.replace(/^0[xX]/, '').length > 62
    return { key, text: isWhole ? toHex(key) : quantityOf(key) }
  })
}
const PROOF_KEYS_MAX = rpcLimits.proofKeysMax.value

function quantityOf(word: Uint8Array): Hex {
  return `0x${BigInt(toHex(word)).toString(16)}`
}
