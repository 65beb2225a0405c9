/** Merkle proofs: the nodes on a key's path, from the root, as far as the key or its absence needs them (eth_getProof, EIP-1186). */
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { nibbleAt, setNibble } from './nibbles.ts'
import {
  type Branch,
  branchRlp,
  embed,
  extensionOf,
  extensionRlp,
  isLeaf,
  leafKeyOf,
  leafRlp,
  type Reference,
} from './reference.ts'

/** One trie at one block. */
export interface TrieAt {
  /** A copy. */
  root(): Reference | undefined
  /** The branch at the first `depth` nibbles of `path`, which is there. */
  branch(path: Uint8Array, depth: number): Branch
  /** What the leaf of this key, which is there, holds. */
  valueOf(plain: Uint8Array): Uint8Array
}

/** RLP of the nodes; those shorter than 32 bytes stand in their parents, as geth has it. @param key hashed, 32 bytes */
export function prove(trie: TrieAt, key: Uint8Array): Uint8Array[] {
  const nodes: Uint8Array[] = []
  const add = (rlp: Uint8Array): void => {
    if (nodes.length === 0 || rlp.length >= 32) nodes.push(rlp)
  }
  let reference = trie.root()
  for (let depth = 0; reference !== undefined; ) {
    if (isLeaf(reference)) {
      const plain = leafKeyOf(reference)
      add(leafRlp(keccak256(plain), depth, trie.valueOf(plain)))
      return nodes
    }
    const extension = extensionOf(reference)
    const at = depth + extension.length
    const follows = extension.every((nibble, i) => nibbleAt(key, depth + i) === nibble)
    const branch = trie.branch(pathWith(key, depth, extension), at)
    const rlp = branchRlp(branch)
    if (extension.length > 0) add(extensionRlp(extension, embed(rlp)))
    if (!follows) return nodes
    add(rlp)
    assert(at < 2 * key.length, 'a branch lies above the end of the keys')
    reference = branch[nibbleAt(key, at)]
    depth = at + 1
  }
  return nodes
}

function pathWith(key: Uint8Array, depth: number, extension: Uint8Array): Uint8Array {
  const path = key.slice()
  extension.forEach((nibble, i) => setNibble(path, depth + i, nibble))
  return path
}
