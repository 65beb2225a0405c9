/** A block header (Yellow Paper §4.4 and the EIPs that appended fields), its RLP and its hash. */
import type { Address, BlockHash, Hash32 } from '#chain/block/block-ref.ts'

export interface Header {
  /** keccak-256 of `rlp`. */
  readonly hash: BlockHash
  /** The header as the chain encodes it; everything else is read from it. */
  readonly rlp: Uint8Array
  readonly parentHash: BlockHash
  readonly ommersHash: Hash32
  readonly beneficiary: Address
  readonly stateRoot: Hash32
  readonly transactionsRoot: Hash32
  readonly receiptsRoot: Hash32
  /** 256 bytes. */
  readonly logsBloom: Uint8Array
  readonly difficulty: bigint
  readonly number: number
  readonly gasLimit: bigint
  readonly gasUsed: bigint
  /** Seconds. */
  readonly timestamp: number
  readonly extraData: Uint8Array
  /** prevRandao from the Merge on (EIP-4399). */
  readonly mixHash: Hash32
  /** 8 bytes. */
  readonly nonce: Uint8Array
  /** EIP-1559 (London). Each later field is present only if all before it are. */
  readonly baseFeePerGas?: bigint
  /** EIP-4895 (Shanghai). */
  readonly withdrawalsRoot?: Hash32
  /** EIP-4844 (Cancun). */
  readonly blobGasUsed?: bigint
  readonly excessBlobGas?: bigint
  /** EIP-4788 (Cancun). */
  readonly parentBeaconBlockRoot?: Hash32
  /** EIP-7685 (Prague). */
  readonly requestsHash?: Hash32
  /** EIP-7928 (Amsterdam). */
  readonly blockAccessListHash?: Hash32
  /** EIP-7843 (Amsterdam). */
  readonly slotNumber?: bigint
}
