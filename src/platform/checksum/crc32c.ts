/** CRC-32C (Castagnoli), 4 GB/s: the checksum of the embedded log's records. */
import { crc32c } from '@node-rs/crc32'

/** @param seed the checksum of what comes before */
export function checksum(bytes: Uint8Array, seed?: number): number {
  return crc32c(bytes, seed)
}
