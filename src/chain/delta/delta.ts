/**
 * One block's change of state, defined by the states before and after alone: an account is listed iff its existence, nonce,
 * balance or code hash differ, a slot iff its value differs. Sorted by address, then slot, as unsigned bytes, so two honest
 * masters make identical deltas whatever their sources. Columns rather than objects: they are hashed, sent and stored as they are.
 */
import type { Address } from '#chain/block/block-ref.ts'

export interface Delta {
  readonly accounts: AccountColumns
  readonly slots: SlotColumns
  /** n × 20, sorted. Before EIP-6780 only: addresses whose storage at the parent was not empty and that were deleted at the end of
   *  any transaction of the block. Their listed slots are then *all* slots that are not zero after the block. */
  readonly cleared: Uint8Array
  /** New code, sorted by hash; each was not the code of this account before (a code known elsewhere may be listed again). */
  readonly codes: readonly Code[]
}

export interface AccountColumns {
  readonly count: number
  /** n × 20, strictly ascending. */
  readonly addresses: Uint8Array
  /** n × 1: 1 exists after the block, 0 does not (then nonce, balance and code hash are zeros). */
  readonly exists: Uint8Array
  /** n × 8, big-endian. */
  readonly nonces: Uint8Array
  /** n × 32, big-endian. */
  readonly balances: Uint8Array
  /** n × 32; the hash of no bytes where there is no code. */
  readonly codeHashes: Uint8Array
}

export interface SlotColumns {
  readonly count: number
  /** n × 20. */
  readonly addresses: Uint8Array
  /** n × 32; strictly ascending by (address, key). */
  readonly keys: Uint8Array
  /** n × 32 after the block; zero means absent. */
  readonly values: Uint8Array
}

export interface Code {
  /** 32 bytes. */
  readonly hash: Uint8Array
  readonly code: Uint8Array
}

/** What a delta is built from, in any order. */
export interface AccountChange {
  readonly address: Address
  /** Undefined where the account does not exist after the block. */
  readonly after:
    | { readonly nonce: bigint; readonly balance: bigint; readonly codeHash: Uint8Array }
    | undefined
}
export interface SlotChange {
  readonly address: Address
  readonly key: Uint8Array
  readonly value: Uint8Array
}
