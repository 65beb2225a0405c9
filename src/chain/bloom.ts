/** The 2,048-bit filter of a block's logs (Yellow Paper §4.3.1): three bits for each address and topic. */
import { keccak256 } from '#core/keccak.ts'
import type { Log } from './receipt.ts'

export const BLOOM_BYTES = 256

export function logsBloom(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(BLOOM_BYTES)
  for (const log of logs) {
    addToBloom(bloom, log.address)
    for (const topic of log.topics) addToBloom(bloom, topic)
  }
  return bloom
}

export function addToBloom(bloom: Uint8Array, value: Uint8Array): void {
  forBits(value, (byte, bit) => {
    bloom[byte] = (bloom[byte] as number) | bit
    return true
  })
}

/** False means that no log of the block has the value as its address or a topic. */
export function bloomMayContain(bloom: Uint8Array, value: Uint8Array): boolean {
  return forBits(value, (byte, bit) => ((bloom[byte] as number) & bit) !== 0)
}

function forBits(value: Uint8Array, visit: (byte: number, bit: number) => boolean): boolean {
  const hash = keccak256(value)
  for (let i = 0; i < 6; i += 2) {
    const index = (((hash[i] as number) << 8) | (hash[i + 1] as number)) & 2047
    if (!visit(BLOOM_BYTES - 1 - (index >> 3), 1 << (index & 7))) return false
  }
  return true
}
