/** Transaction receipts and logs (Yellow Paper §4.3.1; EIP-658 status, EIP-2718 envelope). */
import type { Address, Hash32 } from '#chain/block/block-ref.ts'

export interface Log {
  readonly address: Address
  readonly topics: readonly Hash32[]
  readonly data: Uint8Array
}

export interface Receipt {
  /** The transaction's type. */
  readonly type: number
  /** EIP-658 status, or the intermediate state root before Byzantium. */
  readonly outcome: { readonly status: 0 | 1 } | { readonly stateRoot: Hash32 }
  /** Of the block up to and with this transaction. */
  readonly cumulativeGasUsed: bigint
  readonly logs: readonly Log[]
}
