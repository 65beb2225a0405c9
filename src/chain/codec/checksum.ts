/** Addresses as people read them (EIP-55). */
import { keccak256 } from '#core/keccak.ts'
import { toHex, utf8 } from '#kernel/bytes.ts'
import type { Address } from '#chain/block/block-ref.ts'

export function checksumText(address: Address): string {
  const digits = toHex(address).slice(2)
  const hash = toHex(keccak256(utf8(digits))).slice(2)
  return `0x${digits
    .split('')
    .map((digit, i) => (Number.parseInt(hash[i] as string, 16) >= 8 ? digit.toUpperCase() : digit))
    .join('')}`
}
