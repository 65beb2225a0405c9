/** Typed fields of RLP lists, and values as RLP: integers are minimal big-endian, zero is empty. */
import { bigintFrom, toHex, trimZeros, bigintTo } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { BlockHash } from '#chain/block/block-ref.ts'
import type { RlpItem } from './rlp.ts'

export function rlpBytes(item: RlpItem | undefined, what: string): Uint8Array {
  if (!(item instanceof Uint8Array)) throw malformed(what, 'must be bytes')
  return item
}

export function rlpFixed(item: RlpItem | undefined, length: number, what: string): Uint8Array {
  const bytes = rlpBytes(item, what)
  if (bytes.length !== length) throw malformed(what, `must be ${length} bytes, not ${bytes.length}`)
  return bytes
}

export function rlpList(item: RlpItem | undefined, what: string): readonly RlpItem[] {
  if (item === undefined || item instanceof Uint8Array) throw malformed(what, 'must be a list')
  return item
}

/** At most `bytesMax` bytes, without leading zeros. */
export function rlpBigint(item: RlpItem | undefined, what: string, bytesMax = 32): bigint {
  const bytes = rlpBytes(item, what)
  if (bytes.length > bytesMax) throw malformed(what, `must be at most ${bytesMax} bytes`)
  if (bytes[0] === 0) throw malformed(what, 'has leading zeros')
  return bigintFrom(bytes)
}

/** An integer that is exact as a JavaScript number. */
export function rlpNumber(item: RlpItem | undefined, what: string): number {
  const value = rlpBigint(item, what, 8)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(what, 'is over 2^53')
  return Number(value)
}

/** Zero is no bytes. */
export function rlpOf(value: bigint | number): Uint8Array {
  return trimZeros(bigintTo(BigInt(value), 32))
}

export function hashText(bytes: Uint8Array): BlockHash {
  return toHex(bytes) as BlockHash
}

function malformed(what: string, why: string): Fault<'chain/malformed'> {
  return new Fault('chain/malformed', `${what} ${why}`, { field: what })
}
