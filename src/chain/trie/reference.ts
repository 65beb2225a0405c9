/**
 * What a branch knows of each child. A leaf's reference names the leaf's own key (an address or a slot, not its hash), so that leaves need
 * no rows: what they hold is in the flat state. A branch below an extension is one reference too: its row stands where the branch is, and
 * the extension's nibbles are here. As bytes: `kind and length of the embedding 1 ‖ length of the rest 1 ‖ embedding ‖ rest`.
 */
import { keccak256 } from '#core/keccak.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { concatBytes } from '#kernel/bytes.ts'
import { hexPrefix, nibblesOf } from './nibbles.ts'

/** A reference as bytes; none where undefined. */
export type Reference = Uint8Array

const LEAF = 0x80
const LENGTH = 0x7f
const HEAD_BYTES = 2
const NOTHING = new Uint8Array(0)
const HASH_BYTES = 32
/** RLP's prefix of 32 bytes, and of none. */
const HASH_PREFIX = 0xa0
const EMPTY = 0x80
/** Hex-prefix of a leaf, the second with a nibble in it. */
const EVEN_LEAF = 0x20
const ODD_LEAF = 0x30
/** With any path the leaf's length is one byte. */
const SMALL_VALUE_BYTES_MAX = 200

export function isLeaf(reference: Reference): boolean {
  return ((reference[0] as number) & LEAF) !== 0
}

/** What stands in the parent's RLP: the node's hash, or the node itself where its RLP is shorter than 32 bytes. A view. */
export function embeddingOf(reference: Reference): Uint8Array {
  return reference.subarray(HEAD_BYTES, HEAD_BYTES + ((reference[0] as number) & LENGTH))
}

/** A leaf's own key before hashing. A view. */
export function leafKeyOf(reference: Reference): Uint8Array {
  return restOf(reference)
}

/** The nibbles, one a byte, between this place and the branch. A view. */
export function extensionOf(reference: Reference): Uint8Array {
  return restOf(reference)
}

/** @param plain the key before hashing @param rlp the leaf's RLP */
export function leafReference(plain: Uint8Array, rlp: Uint8Array): Reference {
  return referenceOf(true, embed(rlp), plain)
}

/** @param branch embedding of the branch alone */
export function branchReference(branch: Uint8Array, extension: Uint8Array): Reference {
  const embedding = extension.length === 0 ? branch : embed(extensionRlp(extension, branch))
  return referenceOf(false, embedding, extension)
}

/** @param rest a leaf's own key, or an extension's nibbles */
function referenceOf(leaf: boolean, embedding: Uint8Array, rest: Uint8Array): Reference {
  const out = new Uint8Array(HEAD_BYTES + embedding.length + rest.length)
  out[0] = (leaf ? LEAF : 0) | embedding.length
  out[1] = rest.length
  let at = HEAD_BYTES
  // Loops: both are short, and `set` costs more.
  for (let i = 0; i < embedding.length; i++) out[at++] = embedding[i] as number
  for (let i = 0; i < rest.length; i++) out[at++] = rest[i] as number
  return out
}

/** Of parts that stand in `bytes`: the embedding, and the rest. */
export function referenceIn(
  bytes: Uint8Array,
  leaf: boolean,
  { from, to, restFrom, restTo }: { from: number; to: number; restFrom: number; restTo: number },
): Reference {
  const out = new Uint8Array(HEAD_BYTES + to - from + restTo - restFrom)
  out[0] = (leaf ? LEAF : 0) | (to - from)
  out[1] = restTo - restFrom
  let at = HEAD_BYTES
  for (let i = from; i < to; i++) out[at++] = bytes[i] as number
  for (let i = restFrom; i < restTo; i++) out[at++] = bytes[i] as number
  return out
}

/** How long the reference that begins here is. */
export function referenceBytes(bytes: Uint8Array, at: number): number {
  return HEAD_BYTES + ((bytes[at] as number) & LENGTH) + (bytes[at + 1] as number)
}

function restOf(reference: Reference): Uint8Array {
  if (reference[1] === 0) return NOTHING
  return reference.subarray(HEAD_BYTES + ((reference[0] as number) & LENGTH))
}

export function embed(rlp: Uint8Array): Uint8Array {
  return rlp.length < HASH_BYTES ? rlp : keccak256(rlp)
}

/** @param key the hashed key @param depth nibbles of it above the leaf */
export function leafRlp(key: Uint8Array, depth: number, value: Uint8Array): Uint8Array {
  if (value.length > SMALL_VALUE_BYTES_MAX) return encodeRlp([hexPrefix(nibblesOf(key, depth), true), value])
  // The key is packed already, so its rest is too: nothing is spread out and put together again.
  const from = (depth + 1) >> 1
  const pathBytes = 1 + key.length - from
  const pathHead = pathBytes === 1 ? 0 : 1
  const valueHead = value.length === 1 && (value[0] as number) < EMPTY ? 0 : value.length < 56 ? 1 : 2
  const length = pathHead + pathBytes + valueHead + value.length
  const head = length < 56 ? 1 : 2
  const out = new Uint8Array(head + length)
  if (head === 1) out[0] = 0xc0 + length
  else {
    out[0] = 0xf8
    out[1] = length
  }
  let at = head
  if (pathHead === 1) out[at++] = EMPTY + pathBytes
  out[at++] = depth & 1 ? ODD_LEAF | ((key[depth >> 1] as number) & 15) : EVEN_LEAF
  for (let i = from; i < key.length; i++) out[at++] = key[i] as number
  if (valueHead === 1) out[at++] = EMPTY + value.length
  else if (valueHead === 2) {
    out[at++] = 0xb8
    out[at++] = value.length
  }
  out.set(value, at)
  return out
}

export function extensionRlp(nibbles: Uint8Array, branch: Uint8Array): Uint8Array {
  if (branch.length === HASH_BYTES) return encodeRlp([hexPrefix(nibbles, false), branch])
  const path = encodeRlp(hexPrefix(nibbles, false))
  return concatBytes(Uint8Array.of(0xc0 + path.length + branch.length), path, branch)
}

/** Sixteen children, and no value: all keys have one length. */
export type Branch = (Reference | undefined)[]

export function emptyBranch(): Branch {
  return new Array<Reference | undefined>(16).fill(undefined)
}

export function branchRlp(branch: Branch): Uint8Array {
  let length = 1
  for (const child of branch) {
    const bytes = child === undefined ? 0 : (child[0] as number) & LENGTH
    length += bytes === HASH_BYTES ? bytes + 1 : Math.max(bytes, 1)
  }
  const head = length < 56 ? 1 : length < 0x100 ? 2 : 3
  const out = new Uint8Array(head + length)
  if (head === 1) out[0] = 0xc0 + length
  else {
    out[0] = 0xf7 + head - 1
    if (head === 3) out[1] = length >> 8
    out[head - 1] = length
  }
  let at = head
  for (const child of branch) {
    if (child === undefined) {
      out[at++] = EMPTY
      continue
    }
    const end = HEAD_BYTES + ((child[0] as number) & LENGTH)
    if (end === HEAD_BYTES + HASH_BYTES) out[at++] = HASH_PREFIX
    // A loop: a view costs more than these few bytes.
    for (let i = HEAD_BYTES; i < end; i++) out[at++] = child[i] as number
  }
  out[at] = EMPTY
  return out
}
