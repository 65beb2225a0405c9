/** Between protobuf's fields and domain values, strictly: what has the wrong length or is missing is malformed, never a default. */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { LEVELS, type Level } from '#chain/block/frame.ts'
import { fromHex, type Hex, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { BlockRef as BlockRefMessage } from './gen/drover/feed/v1/feed_pb.js'

export function malformed(what: string): Fault<'wire/malformed'> {
  return new Fault('wire/malformed', `a record of the feed is malformed: ${what}`, { what })
}

export function fixed(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) throw malformed(`${what} is ${bytes.length} bytes, not ${length}`)
  return bytes
}

export function hash(bytes: Uint8Array, what: string): BlockHash {
  return toHex(fixed(bytes, 32, what)) as BlockHash
}

export function digest(bytes: Uint8Array, what: string): Hex {
  return toHex(fixed(bytes, 32, what))
}

export function number(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`${what} is over 2^53`)
  return Number(value)
}

export function ref(message: BlockRefMessage | undefined, what: string): BlockRef {
  if (message === undefined) throw malformed(`${what} is missing`)
  return { number: number(message.number, what), hash: hash(message.hash, what) }
}

export function refFields({ number: n, hash: h }: BlockRef): { number: bigint; hash: Uint8Array } {
  return { number: BigInt(n), hash: fromHex(h) }
}

/** The enumerations' value 0 is "unspecified", so a name is its place in the domain's list plus one. */
export function name<T extends string>(names: readonly T[], value: number, what: string): T {
  const found = names[value - 1]
  if (found === undefined) throw malformed(`${what} ${value} is not known`)
  return found
}

export function level(value: number): Level {
  return name(LEVELS, value, 'level')
}

export function place<T extends string>(names: readonly T[], value: T): number {
  return names.indexOf(value) + 1
}
