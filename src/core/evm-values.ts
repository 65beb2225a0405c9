/** What goes into the EVM and comes out of it, in the EVM's own terms: no header, no JSON-RPC, no store. */
import type { Hex } from '#kernel/bytes.ts'

/** State as the EVM reads it; `chain/state-view.ts` is one. Lookups: −1 missing, 0 absent, 1 found. The arrays are valid during the call. */
export interface HostState {
  account(address: Uint8Array, out: Uint8Array): number
  slot(address: Uint8Array, slot: Uint8Array, out: Uint8Array): number
  code(codeHash: Uint8Array): Uint8Array | undefined
  blockHash(number: number, out: Uint8Array): number
}

/** revm's SpecId, in its numbering. */
export const SPEC = {
  frontier: 0, homestead: 1, tangerine: 2, spuriousDragon: 3, byzantium: 4, petersburg: 5, istanbul: 6, berlin: 7, london: 8,
  merge: 9, shanghai: 10, cancun: 11, prague: 12, osaka: 13, amsterdam: 14,
} as const // biome-ignore format: one table
export type Spec = (typeof SPEC)[keyof typeof SPEC]

export interface EvmEnvironment {
  /** eth_call semantics: nonce, base fee, sender's code, block gas limit and chain id are not checked; the balance is. */
  readonly checks: 'transaction' | 'call'
  readonly spec: Spec
  readonly chainId: bigint
  readonly number: number
  readonly timestamp: number
  readonly gasLimit: bigint
  readonly baseFee: bigint
  /** The block has no base fee, whatever its rules: a call in it names its fees in the old way. */
  readonly legacyFees?: boolean
  readonly beneficiary: Uint8Array
  readonly difficulty: bigint
  /** Of the beacon chain, from Amsterdam on (EIP-7843). */
  readonly slot?: bigint
  /** From the Merge on. */
  readonly prevRandao?: Uint8Array
  /** From Cancun on. */
  readonly blob?: {
    readonly excessGas: bigint
    /** Wei per blob gas. */
    readonly gasPrice: bigint
    readonly fraction: bigint
    readonly blobsPerTransactionMax: number
  }
}

interface EvmAuthorization {
  readonly chainId: bigint
  readonly address: Uint8Array
  readonly nonce: bigint
  readonly yParity: number
  readonly r: bigint
  readonly s: bigint
}

export interface EvmTransaction {
  readonly type: number
  readonly from: Uint8Array
  /** Absent: contract creation. */
  readonly to?: Uint8Array | undefined
  readonly gas: bigint
  /** For types 2 and up the fee cap. */
  readonly gasPrice: bigint
  readonly priorityFee?: bigint | undefined
  readonly value: bigint
  readonly nonce: bigint
  readonly chainId?: bigint | undefined
  readonly data: Uint8Array
  readonly accessList?:
    | readonly { readonly address: Uint8Array; readonly storageKeys: readonly Uint8Array[] }[]
    | undefined
  readonly blobHashes?: readonly Uint8Array[] | undefined
  readonly maxFeePerBlobGas?: bigint | undefined
  readonly authorizationList?: readonly EvmAuthorization[] | undefined
}

interface EvmLog {
  readonly address: Uint8Array
  readonly topics: readonly Uint8Array[]
  readonly data: Uint8Array
}

interface Ran {
  /** After refunds, and not below the floor of EIP-7623: what a receipt says. */
  readonly gasUsed: bigint
  /** Before refunds. */
  readonly gasSpent: bigint
  /** What a block of Amsterdam counts of it: two sums, of which the larger is its gas (EIP-8037). */
  readonly blockGas: { readonly regular: bigint; readonly state: bigint }
  readonly output: Uint8Array
}

/** State that the host does not have and the run asked for. */
export type MissingKey =
  | { readonly kind: 'account'; readonly address: Hex }
  | { readonly kind: 'slot'; readonly address: Hex; readonly slot: Hex }
  | { readonly kind: 'code'; readonly hash: Hex }
  | { readonly kind: 'blockHash'; readonly number: number }

export interface Halted extends Ran {
  readonly kind: 'halt'
  /** revm's name of it. */
  readonly reason: string
  /** The instruction at which the outermost frame stopped, and the items on its stack; of no meaning where that frame ran no code. */
  readonly opcode: number
  readonly stackItems: number
}

export type EvmOutcome =
  | (Ran & { readonly kind: 'success'; readonly created?: Uint8Array; readonly logs: readonly EvmLog[] })
  | (Ran & { readonly kind: 'revert' })
  | Halted
  /** The transaction cannot be in this block; `reason` is in revm's words. */
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'missing'; readonly keys: readonly MissingKey[] }
  | { readonly kind: 'timeout' }

export interface BlockChange {
  readonly address: Uint8Array
  readonly exists: boolean
  readonly existed: boolean
  /** Its existence, nonce, balance or code hash is another than before; else it is listed for its slots or for being wiped. */
  readonly changed: boolean
  /** Deleted at the end of some transaction of the block: its listed slots are all that are not zero after it. */
  readonly wiped: boolean
  readonly nonce: bigint
  readonly balance: Uint8Array
  readonly codeHash: Uint8Array
  readonly slots: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]
}

/** Net: an account or slot that is after the session as it was before is not in it. */
export interface BlockChanges {
  readonly accounts: readonly BlockChange[]
  /** Each is the code of an account that did not have it before. */
  readonly codes: readonly { readonly hash: Uint8Array; readonly code: Uint8Array }[]
  /** RLP of the block's access list (EIP-7928), from Amsterdam on. */
  readonly accessList?: Uint8Array
}
