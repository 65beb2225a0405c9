/**
 * Hex in parameters, as geth's hexutil reads it, and refused in its words: these texts are what clients' tests and people's searches know.
 * Odd but true of geth: `0X` is a prefix too, an empty text is the quantity 0 and no bytes.
 */
import { tryFromHex, utf8 } from '#kernel/bytes.ts'
import { failed, type RpcFailure } from '#rpc/errors.ts'

/** What a value is read into: the parameter, geth's type, and the field where the parameter is an object. */
export interface Into {
  readonly index: number
  readonly type: string
  /** `Struct.field`. */
  readonly field?: string
}

export function invalid(index: number, why: string): RpcFailure {
  return failed('invalidParams', `invalid argument ${index}: ${why}`)
}

/** Go's encoding/json, of a value that is not what the type takes. */
export function cannot(what: string, { index, type, field }: Into): RpcFailure {
  const target = field === undefined ? `Go value of type ${type}` : `Go struct field ${field} of type ${type}`
  return invalid(index, `json: cannot unmarshal ${what} into ${target}`)
}

/** What Go calls the kind of a JSON value. */
export function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

/** Addresses and hashes. */
export function fixedBytes(value: unknown, length: number, into: Into): Uint8Array {
  if (typeof value !== 'string') throw cannot('non-string', into)
  const text = withSmallPrefix(value)
  if (text.length === 2 + 2 * length) {
    const bytes = tryFromHex(text)
    if (bytes !== undefined) return bytes
  }
  const size = writtenSize(text)
  if (value !== '' && !text.startsWith('0x')) throw cannot('hex string without 0x prefix', into)
  if (size % 2 !== 0) throw cannot('hex string of odd length', into)
  const digits = Math.max(size - 2, 0)
  if (digits !== 2 * length)
    throw invalid(into.index, `hex string has length ${digits}, want ${2 * length} for ${into.type}`)
  throw cannot('invalid hex string', into)
}

/** Bytes of any length. */
export function anyBytes(value: unknown, into: Into): Uint8Array {
  if (typeof value !== 'string') throw cannot('non-string', into)
  if (value === '') return new Uint8Array(0)
  const text = withSmallPrefix(value)
  const bytes = tryFromHex(text)
  if (bytes !== undefined) return bytes
  if (!text.startsWith('0x')) throw cannot('hex string without 0x prefix', into)
  throw cannot(writtenSize(text) % 2 !== 0 ? 'hex string of odd length' : 'invalid hex string', into)
}

/** A quantity of at most `bits`. */
export function quantity(value: unknown, bits: number, into: Into): bigint {
  if (typeof value !== 'string') throw cannot('non-string', into)
  if (value === '') return 0n
  const read = readNumber(value, bits)
  if (typeof read === 'string') throw cannot(read, into)
  return read
}

/** hexutil.DecodeUint64, or why it refuses. It goes from left to right: what comes first is said. */
export function decodeNumber(text: string): bigint | string {
  if (text === '') return 'empty hex string'
  const read = readNumber(text, 64)
  if (read !== TOO_LARGE) return read
  return /^[0-9a-fA-F]{17}/.test(text.slice(2)) ? TOO_LARGE : SYNTAX
}
const TOO_LARGE = 'hex number > 64 bits'
const SYNTAX = 'invalid hex string'

/** hexutil.Decode, or why it refuses. */
export function decodeBytes(text: string): Uint8Array | string {
  if (text === '') return 'empty hex string'
  const small = withSmallPrefix(text)
  if (!small.startsWith('0x')) return 'hex string without 0x prefix'
  if (!/^0x[0-9a-fA-F]*$/.test(small)) return 'invalid hex string'
  return tryFromHex(small) ?? 'hex string of odd length'
}

function readNumber(text: string, bits: number): bigint | string {
  const small = withSmallPrefix(text)
  if (!small.startsWith('0x')) return 'hex string without 0x prefix'
  if (small.length === 2) return 'hex string "0x"'
  if (small.length > 3 && small[2] === '0') return 'hex number with leading zero digits'
  // Before the digits are looked at, so that nobody has a million of them added up.
  if (writtenSize(small) > 2 + bits / 4) return `hex number > ${bits} bits`
  return /^0x[0-9a-fA-F]+$/.test(small) ? BigInt(small) : SYNTAX
}

/** geth counts the bytes between the quotes, escapes and all; of the ways to write a text in JSON this takes the usual one. */
function writtenSize(text: string): number {
  return PLAIN.test(text) ? text.length : utf8(JSON.stringify(text)).length - 2
}
const PLAIN = /^[ !#-[\]-~]*$/

function withSmallPrefix(text: string): string {
  return text.startsWith('0X') ? `0x${text.slice(2)}` : text
}
