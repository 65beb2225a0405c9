/**
 * Roots of Merkle-Patricia tries (Yellow Paper appendix D) that are built once from all their entries, in one pass over sorted keys:
 * the lists of a block (keys are the RLP of the index) and whole small states (keys are hashes).
 */
import { keccak256 } from '#core/keccak.ts'
import { compareBytes, concatBytes } from '#kernel/bytes.ts'
import { encodeRlp } from './rlp.ts'
import { rlpOf } from './rlp-fields.ts'

export interface TrieEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** keccak-256 of the RLP of no bytes. */
export const EMPTY_TRIE_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

/** The root over distinct keys, in any order. */
export function trieRoot(entries: readonly TrieEntry[]): Uint8Array {
  if (entries.length === 0) return keccak256(Uint8Array.of(0x80))
  const sorted = entries.map(({ key, value }) => ({ nibbles: nibblesOf(key), value }))
  sorted.sort((a, b) => compareBytes(a.nibbles, b.nibbles))
  return keccak256(node(sorted, 0, sorted.length, 0))
}

/** The root of a list: transactions, receipts, withdrawals. */
export function orderedTrieRoot(items: readonly Uint8Array[]): Uint8Array {
  return trieRoot(items.map((value, index) => ({ key: encodeRlp(rlpOf(index)), value })))
}

interface Leaf {
  readonly nibbles: Uint8Array
  readonly value: Uint8Array
}

/** RLP of the node over leaves from..to, which share their first `depth` nibbles. */
function node(leaves: readonly Leaf[], from: number, to: number, depth: number): Uint8Array {
  const first = leaves[from] as Leaf
  if (to - from === 1) return encodeRlp([hexPrefix(first.nibbles.subarray(depth), true), first.value])
  const last = leaves[to - 1] as Leaf
  let shared = depth
  while (shared < first.nibbles.length && first.nibbles[shared] === last.nibbles[shared]) shared++
  if (shared > depth) {
    const path = hexPrefix(first.nibbles.subarray(depth, shared), false)
    return listOf([encodeRlp(path), reference(branch(leaves, from, to, shared))])
  }
  return branch(leaves, from, to, depth)
}

function branch(leaves: readonly Leaf[], from: number, to: number, depth: number): Uint8Array {
  const children: Uint8Array[] = []
  let value: Uint8Array = Uint8Array.of(0x80)
  let next = from
  const first = leaves[from] as Leaf
  if (first.nibbles.length === depth) {
    value = encodeRlp(first.value)
    next++
  }
  for (let nibble = 0; nibble < 16; nibble++) {
    const begin = next
    while (next < to && (leaves[next] as Leaf).nibbles[depth] === nibble) next++
    children.push(begin === next ? Uint8Array.of(0x80) : reference(node(leaves, begin, next, depth + 1)))
  }
  return listOf([...children, value])
}

/** A node inside its parent: itself where it is shorter than a hash, else its hash. */
function reference(rlp: Uint8Array): Uint8Array {
  return rlp.length < 32 ? rlp : encodeRlp(keccak256(rlp))
}

/** A list of items that are encoded already. */
function listOf(encoded: readonly Uint8Array[]): Uint8Array {
  const payload = concatBytes(...encoded)
  if (payload.length < 56) return concatBytes(Uint8Array.of(0xc0 + payload.length), payload)
  const length = payload.length < 0x100 ? [payload.length] : [payload.length >> 8, payload.length & 0xff]
  return concatBytes(Uint8Array.of(0xf7 + length.length, ...length), payload)
}

/** Hex-prefix encoding (Yellow Paper appendix C). */
function hexPrefix(nibbles: Uint8Array, isLeaf: boolean): Uint8Array {
  const odd = nibbles.length % 2
  const out = new Uint8Array(1 + (nibbles.length - odd) / 2)
  out[0] = ((isLeaf ? 2 : 0) + odd) * 16 + (odd === 1 ? (nibbles[0] as number) : 0)
  for (let i = odd; i < nibbles.length; i += 2) {
    out[1 + (i - odd) / 2] = (nibbles[i] as number) * 16 + (nibbles[i + 1] as number)
  }
  return out
}

function nibblesOf(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length * 2)
  for (let i = 0; i < key.length; i++) {
    out[2 * i] = (key[i] as number) >> 4
    out[2 * i + 1] = (key[i] as number) & 15
  }
  return out
}
