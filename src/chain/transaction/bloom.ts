/** The 2,048-bit filter of a block's logs (Yellow Paper §4.3.1): three bits for each address and topic. */
import { keccak256 } from '#core/keccak.ts'
import { equalBytes } from '#kernel/bytes.ts'
import type { Log } from './receipt.ts'

export const BLOOM_BYTES = 256

/** keccak-256, or something that remembers it. */
type Hash = (value: Uint8Array) => Uint8Array

export function logsBloom(logs: readonly Log[], hash: Hash = keccak256): Uint8Array {
  const bloom = new Uint8Array(BLOOM_BYTES)
  for (const log of logs) {
    addToBloom(bloom, log.address, hash)
    for (const topic of log.topics) addToBloom(bloom, topic, hash)
  }
  return bloom
}

export function addToBloom(bloom: Uint8Array, value: Uint8Array, hash: Hash = keccak256): void {
  forBits(hash(value), (byte, bit) => {
    bloom[byte] = (bloom[byte] as number) | bit
    return true
  })
}

/** False means that no log of the block has the value as its address or a topic. */
export function bloomMayContain(bloom: Uint8Array, value: Uint8Array): boolean {
  return forBits(keccak256(value), (byte, bit) => ((bloom[byte] as number) & bit) !== 0)
}

/** Adds all that is in `other` to `bloom`. */
export function orInto(bloom: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < BLOOM_BYTES; i++) bloom[i] = (bloom[i] as number) | (other[i] as number)
}

const REMEMBERED = 1_024

/** keccak-256 with the hashes of recent values at hand: half of what a block's logs name, they name many times. */
export function rememberingHash(): Hash {
  const known: { readonly value: Uint8Array; readonly hash: Uint8Array }[] = []
  return (value) => {
    const n = value.length
    // The last bytes differ most among addresses, padded addresses and hashes.
    const place = (((value[n - 2] as number) << 8) | (value[n - 1] as number)) % REMEMBERED
    const entry = known[place]
    if (entry !== undefined && equalBytes(entry.value, value)) return entry.hash
    const hash = keccak256(value)
    known[place] = { value, hash }
    return hash
  }
}

function forBits(hash: Uint8Array, visit: (byte: number, bit: number) => boolean): boolean {
  for (let i = 0; i < 6; i += 2) {
    const index = (((hash[i] as number) << 8) | (hash[i + 1] as number)) & 2047
    if (!visit(BLOOM_BYTES - 1 - (index >> 3), 1 << (index & 7))) return false
  }
  return true
}
