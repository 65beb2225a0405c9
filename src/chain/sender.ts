/** Who sent a transaction, and the address of what it creates (Yellow Paper §7, appendix F). */
import { keccak256 } from '#core/keccak.ts'
import { recoverAddress } from '#core/recover.ts'
import type { Address } from './block-ref.ts'
import { encodeRlp } from './rlp.ts'
import { rlpOf } from './rlp-fields.ts'
import type { Transaction } from './transaction.ts'
import { signingHash, yParityOf } from './transaction-rlp.ts'

/** Undefined where no key signs so. About 0.3 ms. */
export function recoverSender(transaction: Transaction): Address | undefined {
  return recoverAddress(signingHash(transaction), yParityOf(transaction), transaction.r, transaction.s)
}

/** The address of the contract that `creator` creates with `nonce`. */
export function createdAddress(creator: Address, nonce: bigint): Address {
  return keccak256(encodeRlp([creator, rlpOf(nonce)])).subarray(12)
}
