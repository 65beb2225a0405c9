/** Typed fields of JSON-RPC objects: quantities and data as execution clients write them. */
import { type Hex, tryFromHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export function jsonObject(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(what, value, 'an object')
  return value as JsonObject
}

/** The object with its keys as `known` writes them: geth reads its files without regard to the case of keys. */
export function withKeysOf(known: readonly string[], value: unknown, what: string): JsonObject {
  const byLowerCase = new Map(known.map((key) => [key.toLowerCase(), key]))
  return Object.fromEntries(
    Object.entries(jsonObject(value, what)).map(([key, field]) => [
      byLowerCase.get(key.toLowerCase()) ?? key,
      field,
    ]),
  )
}

export function jsonList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(what, value, 'a list')
  return value
}

const WORD_MAX = 2n ** 256n - 1n

/** A quantity of at most 256 bits: `0x` and hex digits; a decimal number or text where a file writes one. */
export function jsonBigint(value: unknown, what: string): bigint {
  const quantity = quantityOf(value)
  if (quantity === undefined || quantity < 0n || quantity > WORD_MAX)
    throw malformed(what, value, 'a quantity')
  return quantity
}

function quantityOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  // The length of a text is bounded before it is a number: parsing takes more than linear time.
  if (typeof value === 'string' && /^(0x[0-9a-fA-F]{1,64}|\d{1,78})$/.test(value)) return BigInt(value)
  return undefined
}

export function jsonNumber(value: unknown, what: string): number {
  const number = jsonBigint(value, what)
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(what, value, 'a quantity below 2^53')
  return Number(number)
}

export function jsonBytes(value: unknown, what: string): Uint8Array {
  const bytes = typeof value === 'string' ? tryFromHex(value) : undefined
  if (bytes === undefined) throw malformed(what, value, '0x and pairs of hex digits')
  return bytes
}

export function jsonFixed(value: unknown, length: number, what: string): Uint8Array {
  const bytes = jsonBytes(value, what)
  if (bytes.length !== length) throw malformed(what, value, `${length} bytes of hex`)
  return bytes
}

/** A 32-byte hash as text, lower case. */
export function jsonHash(value: unknown, what: string): Hex {
  jsonFixed(value, 32, what)
  return (value as string).toLowerCase() as Hex
}

function malformed(what: string, value: unknown, want: string): Fault<'chain/malformed'> {
  const shown = typeof value === 'bigint' ? `${value}` : (JSON.stringify(value) ?? 'missing')
  return new Fault('chain/malformed', `${what} must be ${want}, but it is ${shown.slice(0, 80)}`, {
    field: what,
  })
}
