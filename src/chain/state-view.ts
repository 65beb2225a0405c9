/**
 * State at one block, read synchronously: what the EVM and every state method of JSON-RPC read through.
 * A view fills buffers of the caller, so that a hot read allocates nothing.
 */
import type { Address, Hash32 } from './block/block-ref.ts'

/** `missing`: this store does not know (a lazy base, a witness); the caller fetches the key and runs again. Never taken for absent. */
export const Lookup = { missing: -1, absent: 0, found: 1 } as const
export type Lookup = (typeof Lookup)[keyof typeof Lookup]

/** Bytes of an account as a view writes it: nonce (8, big-endian) ‖ balance (32, big-endian) ‖ code hash (32). */
export const ACCOUNT_BYTES = 72

export interface StateView {
  /** Writes {@link ACCOUNT_BYTES} to `out`. Absent is an account that does not exist (EIP-161: an empty one does not). */
  account(address: Address, out: Uint8Array): Lookup
  /** Writes 32 bytes to `out`; zeros where absent. `slot` is 32 bytes. */
  slot(address: Address, slot: Hash32, out: Uint8Array): Lookup
  /** Whether any slot of the account is not zero. Views that blocks are executed on have it: a delta's `cleared` needs it before Cancun. */
  hasStorage?(address: Address): boolean
  /** The code of a hash that an account of this view names, or undefined where this store does not have it (missing). */
  code(codeHash: Hash32): Uint8Array | undefined
  /** Writes the 32 bytes of the hash of block `number` on this view's chain; for BLOCKHASH, so at most 256 back (8,191 by EIP-2935). */
  blockHash(number: number, out: Uint8Array): Lookup
}

/** keccak-256 of no bytes: the code hash of an account without code. */
export const EMPTY_CODE_HASH = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
