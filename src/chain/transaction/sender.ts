/** Who sent a transaction, and the address of what it creates (Yellow Paper §7, appendix F). */
import { keccak256 } from '#core/keccak.ts'
import { recoverAddress } from '#core/recover.ts'
import type { Address } from '#chain/block/block-ref.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import type { Fork } from '#chain/fork/rules.ts'
import type { Transaction } from './transaction.ts'
import { signingHash, yParityOf } from './transaction-rlp.ts'

/** Half of the curve's order: EIP-2 allows one of each signature's two forms, the one with the lower s. */
const S_MAX = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/** Undefined where no key signs so under the rules of `fork`. About 0.3 ms. */
export function recoverSender(transaction: Transaction, fork: Fork = 'homestead'): Address | undefined {
  if (transaction.s > S_MAX && fork !== 'frontier') return undefined
  return recoverAddress(signingHash(transaction), yParityOf(transaction), transaction.r, transaction.s)
}

/** The address of the contract that `creator` creates with `nonce`. */
export function createdAddress(creator: Address, nonce: bigint): Address {
  return keccak256(encodeRlp([creator, rlpOf(nonce)])).subarray(12)
}
