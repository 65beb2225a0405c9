/** Transactions of types 0 to 4 (EIP-2718, 2930, 1559, 4844, 7702), decoded from their canonical bytes. */
import type { Address, Hash32 } from '#chain/block/block-ref.ts'

export interface AccessListItem {
  readonly address: Address
  readonly storageKeys: readonly Hash32[]
}

/** EIP-7702. */
export interface Authorization {
  readonly chainId: bigint
  readonly address: Address
  readonly nonce: bigint
  readonly yParity: number
  readonly r: bigint
  readonly s: bigint
}

interface Common {
  /** The bytes that the transactions root commits to: RLP (type 0) or type ‖ RLP; blobs never with their sidecar. */
  readonly raw: Uint8Array
  /** keccak-256 of `raw`. */
  readonly hash: Hash32
  readonly nonce: bigint
  readonly gasLimit: bigint
  /** Absent: contract creation. */
  readonly to?: Address
  readonly value: bigint
  readonly data: Uint8Array
  /** Signature. `v` as encoded: 27/28 or EIP-155 for type 0, the y parity for others. */
  readonly v: bigint
  readonly r: bigint
  readonly s: bigint
}

export interface LegacyTransaction extends Common {
  readonly type: 0
  readonly gasPrice: bigint
  /** EIP-155; absent for a signature that is not replay-protected. */
  readonly chainId?: bigint
}
export interface AccessListTransaction extends Common {
  readonly type: 1
  readonly chainId: bigint
  readonly gasPrice: bigint
  readonly accessList: readonly AccessListItem[]
}
interface DynamicFee extends Common {
  readonly chainId: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly maxFeePerGas: bigint
  readonly accessList: readonly AccessListItem[]
}
export interface DynamicFeeTransaction extends DynamicFee {
  readonly type: 2
}
export interface BlobTransaction extends DynamicFee {
  readonly type: 3
  readonly to: Address
  readonly maxFeePerBlobGas: bigint
  readonly blobVersionedHashes: readonly Hash32[]
}
export interface SetCodeTransaction extends DynamicFee {
  readonly type: 4
  readonly to: Address
  readonly authorizationList: readonly Authorization[]
}
export type Transaction =
  | LegacyTransaction
  | AccessListTransaction
  | DynamicFeeTransaction
  | BlobTransaction
  | SetCodeTransaction
