/** Hashes of the core. */
import { hashInstance, keccakInstance } from './core.ts'

/** keccak-256 (Yellow Paper's KEC), 32 bytes. */
export function keccak256(data: Uint8Array): Uint8Array {
  return keccakInstance().hash(data)
}

/** SHA-256, 32 bytes (EIP-7685's requests hash). */
export function sha256(data: Uint8Array): Uint8Array {
  const core = hashInstance()
  core.input(data)
  core.exports.sha256(data.length)
  return core.output()
}
