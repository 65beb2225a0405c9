/** Which chain and which of its forks a node is on, in four bytes (EIP-2124, EIP-6122). */
import { type Hex, toHex } from '#kernel/bytes.ts'
import type { Schedule } from './rules.ts'

/** The forks that have passed by `timestamp`, all of those by number taken as passed. */
export function forkId(
  genesis: { readonly hash: Uint8Array; readonly timestamp: number },
  { blocks, times }: Schedule,
  timestamp: number,
): Hex {
  const passed = [
    ...blocks.filter((number) => number > 0),
    ...new Set(times.map(({ at }) => at).filter((at) => at > genesis.timestamp && at <= timestamp)),
  ]
  let sum = crc32(genesis.hash, 0)
  for (const at of passed) sum = crc32(eightBytes(at), sum)
  return toHex(fourBytes(sum))
}

const POLYNOMIAL = 0xed_b8_83_20

/** The checksum of IEEE 802.3, going on from another. A few bytes once in a while: no table. */
function crc32(bytes: Uint8Array, before: number): number {
  let sum = ~before
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? POLYNOMIAL : 0)
  }
  return ~sum >>> 0
}

function eightBytes(number: number): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(number))
  return out
}

function fourBytes(number: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, number)
  return out
}
