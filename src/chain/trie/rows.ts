/**
 * A trie by path, as rows. Each branch is a row under the path that leads to it, the root's reference is a row of its own; leaves and
 * extensions have none (`reference.ts`). So the rows follow from the state alone, whatever its history, and taking a block back is putting
 * references back. All tries of a state share the rows: that of the accounts, and one for each account with storage.
 */
import { setNibble } from './nibbles.ts'

export interface TrieReader {
  /** Valid until the next call. */
  get(key: Uint8Array): Uint8Array | undefined
}

export interface TrieRows extends TrieReader {
  put(key: Uint8Array, row: Uint8Array): void
  remove(key: Uint8Array): void
  /** The reference at a position has changed; before, it was this (empty: there was none). Once for each position of one update. */
  changed?(position: Uint8Array, before: Uint8Array): void
}

/** Prefix of the rows of one trie: a byte for the accounts' trie, or a byte and the address that the storage is of. */
export type Owner = Uint8Array

export const ACCOUNTS: Owner = Uint8Array.of(0)
const STORAGE = 1
/** In place of the number of nibbles, in the key of a root. */
export const ROOT = 0xff

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

/** `owner ‖ nibbles 1 ‖ the first of them packed`: the key of the branch there, and the name of the position of a reference. */
export function pathKey(owner: Owner, path: Uint8Array, nibbles: number): Uint8Array {
  const bytes = (nibbles + 1) >> 1
  const key = new Uint8Array(owner.length + 1 + bytes)
  key.set(owner)
  key[owner.length] = nibbles
  for (let i = 0; i < bytes; i++) key[owner.length + 1 + i] = path[i] as number
  if (nibbles & 1) key[key.length - 1] = (key[key.length - 1] as number) & 0xf0
  return key
}

/** The position of child `nibble` of the branch at the first `depth` nibbles of `path`. */
export function childKey(owner: Owner, path: Uint8Array, depth: number, nibble: number): Uint8Array {
  const key = pathKey(owner, path, depth + 1)
  setNibble(key.subarray(owner.length + 1), depth, nibble)
  return key
}

/** What {@link pathKey} made: the owner, the branch or position of that many nibbles, packed. */
export function partsOfKey(key: Uint8Array): { owner: Owner; nibbles: number; path: Uint8Array } {
  const ownerBytes = key[0] === STORAGE ? 21 : 1
  return {
    owner: key.subarray(0, ownerBytes),
    nibbles: key[ownerBytes] as number,
    path: key.subarray(ownerBytes + 1),
  }
}
