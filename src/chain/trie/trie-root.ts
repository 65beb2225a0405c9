/**
 * Roots of Merkle-Patricia tries (Yellow Paper appendix D) that are built once from all their entries, in one pass over sorted keys:
 * the lists of a block (keys are the RLP of the index) and whole small states (keys are hashes).
 */
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { compareBytes, fromHex } from '#kernel/bytes.ts'
import { encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import { hexPrefix, nibblesOf } from './nibbles.ts'

export interface TrieEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** keccak-256 of the RLP of no bytes. */
export const EMPTY_TRIE_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

const NOTHING = new Uint8Array(0)

/** The root over distinct keys, in any order. */
export function trieRoot(entries: readonly TrieEntry[]): Uint8Array {
  if (entries.length === 0) return fromHex(EMPTY_TRIE_ROOT)
  const sorted = entries.map(({ key, value }) => ({ nibbles: nibblesOf(key), value }))
  sorted.sort((a, b) => compareBytes(a.nibbles, b.nibbles))
  return keccak256(encodeRlp(node(sorted, 0, sorted.length, 0)))
}

/** The root of a list: transactions, receipts, withdrawals. */
export function orderedTrieRoot(items: readonly Uint8Array[]): Uint8Array {
  return trieRoot(items.map((value, index) => ({ key: encodeRlp(rlpOf(index)), value })))
}

interface Leaf {
  readonly nibbles: Uint8Array
  readonly value: Uint8Array
}

/** The node over leaves from..to, which share their first `depth` nibbles. */
function node(leaves: readonly Leaf[], from: number, to: number, depth: number): RlpItem {
  const { nibbles, value } = leaves[from] as Leaf
  if (to - from === 1) return [hexPrefix(nibbles.subarray(depth), true), value]
  const last = (leaves[to - 1] as Leaf).nibbles
  let shared = depth
  while (shared < nibbles.length && nibbles[shared] === last[shared]) shared++
  const below = branch(leaves, from, to, shared)
  return shared === depth ? below : [hexPrefix(nibbles.subarray(depth, shared), false), reference(below)]
}

function branch(leaves: readonly Leaf[], from: number, to: number, depth: number): RlpItem {
  const first = leaves[from] as Leaf
  const endsHere = first.nibbles.length === depth
  const items: RlpItem[] = []
  let next = endsHere ? from + 1 : from
  for (let nibble = 0; nibble < 16; nibble++) {
    const begin = next
    while (next < to && (leaves[next] as Leaf).nibbles[depth] === nibble) next++
    items.push(begin === next ? NOTHING : reference(node(leaves, begin, next, depth + 1)))
  }
  assert(next === to, 'the keys of a trie are distinct')
  items.push(endsHere ? first.value : NOTHING)
  return items
}

/** A node inside its parent: itself where its RLP is shorter than a hash, else its hash. */
function reference(item: RlpItem): RlpItem {
  const rlp = encodeRlp(item)
  return rlp.length < 32 ? item : keccak256(rlp)
}
