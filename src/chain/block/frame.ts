/** A frame: all of one block, self-contained and proven, as masters publish it and replicas apply it. */
import type { Address, BlockRef } from './block-ref.ts'
import type { Delta } from '#chain/delta/delta.ts'
import type { Header } from '#chain/header/header.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'

/** EIP-4895. */
export interface Withdrawal {
  readonly index: bigint
  readonly validatorIndex: bigint
  readonly address: Address
  /** Gwei. */
  readonly amount: bigint
}

/** A block as its execution client gives it: not yet executed by us. */
export interface Block {
  readonly header: Header
  readonly transactions: readonly Transaction[]
  /** One for each transaction. */
  readonly senders: readonly Address[]
  /** Before the Merge; else empty. */
  readonly ommers: readonly Header[]
  /** From Shanghai on. */
  readonly withdrawals?: readonly Withdrawal[]
}

/** How a frame's delta was proven (architecture §8), weakest first. */
export const LEVELS = ['none', 'receipts', 'agreed', 'root', 'hash'] as const
export type Level = (typeof LEVELS)[number]

/** Where a master took the delta from. */
export const SOURCES = ['bal', 'witness', 'execute', 'trace', 'file'] as const
export type Source = (typeof SOURCES)[number]

export interface Frame {
  readonly block: Block
  readonly receipts: readonly Receipt[]
  readonly delta: Delta
  /** keccak-256, see `deltaHash`. */
  readonly deltaHash: Uint8Array
  /** `claimed` senders came with the block from the client and are proven by its execution. */
  readonly senders: 'recovered' | 'claimed'
  readonly source: Source
  readonly level: Level
}

export function refOf(header: Header): BlockRef {
  return { number: header.number, hash: header.hash }
}
