/**
 * A trie by path, as rows. Each branch is a row under the path that leads to it, the root's reference is a row of its own; leaves and
 * extensions have none (`reference.ts`). So the rows follow from the state alone, whatever its history, and taking a block back is putting
 * references back. All tries of a state share the rows: that of the accounts, and one for each account with storage.
 *
 * Keys are `owner ‖ nibbles, one a byte ‖ kind 1`, the kind being above any nibble: a branch comes right after all that is below it, and with
 * it in a store whose rows are sorted, so what one leaf changes lies close together; and one walk over a trie meets its rows in order.
 */
import { nibbleAt } from './nibbles.ts'
import type { Reference } from './reference.ts'

export interface TrieReader {
  /** Valid until the next call. */
  get(key: Uint8Array): Uint8Array | undefined
}

export interface TrieRows extends TrieReader {
  /** The row is valid during the call only. */
  put(key: Uint8Array, row: Uint8Array): void
  remove(key: Uint8Array): void
  /**
   * A row is being changed. Of a branch the bits of `nibbles` say which of its references (1 << nibble), of a root's row it is 1; `before` has
   * what each was, undefined where there was none, by ascending nibbles. Once for each row of one trie's update, by ascending keys.
   */
  changed?(key: Uint8Array, nibbles: number, before: readonly (Reference | undefined)[]): void
}

/** Prefix of the rows of one trie: a byte and the address that the storage is of, or another byte for the accounts' trie, which comes last. */
export type Owner = Uint8Array

export const ACCOUNTS: Owner = Uint8Array.of(2)
const STORAGE = 1
/** The last byte of a key. */
const BRANCH = 0x10
const ROOT = 0x11

export function storageOwner(address: Uint8Array): Owner {
  const owner = new Uint8Array(21)
  owner[0] = STORAGE
  owner.set(address, 1)
  return owner
}

/** The key of the root's reference. */
export function rootKey(owner: Owner): Uint8Array {
  const key = new Uint8Array(owner.length + 1)
  key.set(owner)
  key[owner.length] = ROOT
  return key
}

export function isRootKey(key: Uint8Array): boolean {
  return key[key.length - 1] === ROOT
}

/** The key of the branch at the first `nibbles` nibbles of `path` (packed). */
export function branchKey(owner: Owner, path: Uint8Array, nibbles: number): Uint8Array {
  const from = owner.length
  const key = new Uint8Array(from + nibbles + 1)
  // Loops: keys are short, and `set` costs more.
  for (let i = 0; i < from; i++) key[i] = owner[i] as number
  for (let i = 0; i < nibbles; i++) key[from + i] = nibbleAt(path, i)
  key[from + nibbles] = BRANCH
  return key
}

/** The name of a reference: of child `nibble` of the branch of that key; of a root's row of its only one. */
export function positionOf(key: Uint8Array, nibble: number): Uint8Array {
  if (isRootKey(key)) return key
  const position = new Uint8Array(key.length + 1)
  position.set(key)
  position[key.length - 1] = nibble
  position[key.length] = BRANCH
  return position
}
