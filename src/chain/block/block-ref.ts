/** Names of things on a chain. A block is named by number *and* hash; a number alone is only a place. */
import type { Hex } from '#kernel/bytes.ts'

declare const brand: unique symbol

/** keccak-256 of a header, as `0x` and 64 lower-case digits: a text, because it is compared, printed and used as a key. */
export type BlockHash = Hex & { readonly [brand]: 'block hash' }

/** 20 bytes. */
export type Address = Uint8Array & { readonly [brand]?: 'address' }

/** 32 bytes. */
export type Hash32 = Uint8Array & { readonly [brand]?: 'hash' }

export interface BlockRef {
  readonly number: number
  readonly hash: BlockHash
}

/** The same block, not just the same height. */
export function sameBlock(a: BlockRef, b: BlockRef): boolean {
  return a.number === b.number && a.hash === b.hash
}

/** `12 0xabcdef…`, for logs and errors. */
export function describeBlock(ref: BlockRef): string {
  return `${ref.number} ${ref.hash.slice(0, 10)}…`
}
