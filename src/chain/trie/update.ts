/**
 * Changes a trie by many leaves at once: one walk over the branches that lie on their paths, each read, hashed and written once. What
 * comes out is the canonical trie (Yellow Paper appendix D) of the leaves that are there then, in the rows of `rows.ts`.
 */
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { equalBytes, fromHex } from '#kernel/bytes.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie-root.ts'
import { nibbleAt, nibblesOf, setNibble, sharedNibbles } from './nibbles.ts'
import {
  type Branch,
  branchReference,
  branchRlp,
  decodeBranch,
  embed,
  embeddingOf,
  emptyBranch,
  encodeBranch,
  extensionOf,
  isLeaf,
  leafKeyOf,
  leafReference,
  leafRlp,
  type Reference,
} from './reference.ts'
import { childKey, type Owner, pathKey, rootKey, type TrieReader, type TrieRows } from './rows.ts'

export interface Leaf {
  /** 32 bytes: keccak-256 of `plain`. */
  readonly key: Uint8Array
  readonly plain: Uint8Array
  readonly value: Uint8Array
}

/** A leaf to put, or where `value` is undefined one to remove. */
export interface LeafChange extends Omit<Leaf, 'value'> {
  readonly value: Uint8Array | undefined
}

const NONE = new Uint8Array(0)
const HASH_BYTES = 32

/**
 * The new root, 32 bytes.
 * @param changes by strictly ascending hashed key
 * @param valueOf what a leaf holds that is not among the changes but moves because of them
 */
export function updateTrie(
  rows: TrieRows,
  owner: Owner,
  changes: readonly LeafChange[],
  valueOf: (plain: Uint8Array) => Uint8Array,
): Uint8Array {
  return new Update(rows, owner, changes, valueOf).run()
}

/** The root as it is, 32 bytes. */
export function trieRootOf(rows: TrieReader, owner: Owner): Uint8Array {
  return rootHash(rows.get(rootKey(owner)))
}

export function rootHash(reference: Reference | undefined): Uint8Array {
  if (reference === undefined) return fromHex(EMPTY_TRIE_ROOT)
  const embedding = embeddingOf(reference)
  return embedding.length === HASH_BYTES ? embedding.slice() : keccak256(embedding)
}

/** Removes all of a trie. */
export function removeTrie(rows: TrieRows, owner: Owner): void {
  const root = rows.get(rootKey(owner))?.slice()
  if (root === undefined) return
  rows.changed?.(pathKey(owner, NONE, 0), root)
  rows.remove(rootKey(owner))
  removeBelow(rows, owner, new Uint8Array(HASH_BYTES), 0, root)
}

function removeBelow(
  rows: TrieRows,
  owner: Owner,
  path: Uint8Array,
  depth: number,
  reference: Reference,
): void {
  if (isLeaf(reference)) return
  const extension = extensionOf(reference)
  extension.forEach((nibble, i) => setNibble(path, depth + i, nibble))
  const at = depth + extension.length
  const branch = readBranch(rows, owner, path, at)
  rows.remove(pathKey(owner, path, at))
  branch.forEach((child, nibble) => {
    if (child === undefined) return
    setNibble(path, at, nibble)
    rows.changed?.(pathKey(owner, path, at + 1), child)
    removeBelow(rows, owner, path, at + 1, child)
  })
}

export function readBranch(rows: TrieReader, owner: Owner, path: Uint8Array, depth: number): Branch {
  const row = rows.get(pathKey(owner, path, depth))
  assert(row !== undefined, 'a branch that is referred to has its row')
  return decodeBranch(row.slice())
}

class Update {
  readonly #rows: TrieRows
  readonly #owner: Owner
  readonly #changes: readonly LeafChange[]
  readonly #valueOf: (plain: Uint8Array) => Uint8Array

  constructor(
    rows: TrieRows,
    owner: Owner,
    changes: readonly LeafChange[],
    valueOf: (plain: Uint8Array) => Uint8Array,
  ) {
    this.#rows = rows
    this.#owner = owner
    this.#changes = changes
    this.#valueOf = valueOf
  }

  run(): Uint8Array {
    const key = rootKey(this.#owner)
    const before = this.#rows.get(key)?.slice()
    const after = this.#change(0, before, 0, this.#changes.length)
    if (!sameReference(before, after)) {
      this.#rows.changed?.(pathKey(this.#owner, NONE, 0), before ?? NONE)
      if (after === undefined) this.#rows.remove(key)
      else this.#rows.put(key, after)
    }
    return rootHash(after)
  }

  /** The reference at `depth` after the changes `from` to `to`, whose keys share that many nibbles: the path to here. */
  #change(depth: number, reference: Reference | undefined, from: number, to: number): Reference | undefined {
    if (from === to) return reference
    if (reference === undefined) return this.#build(depth, this.#there(from, to))
    if (isLeaf(reference)) return this.#besideLeaf(depth, reference, from, to)
    const path = this.#keyOf(from)
    const extension = extensionOf(reference)
    const followed = this.#followed(depth, extension, from, to)
    const at = depth + followed
    let before: Branch | undefined
    let branch: Branch
    if (followed === extension.length) {
      before = readBranch(this.#rows, this.#owner, path, at)
      branch = before.slice()
    } else {
      branch = emptyBranch()
      const nibble = extension[followed] as number
      branch[nibble] = this.#shortened(path, depth, extension, followed + 1)
    }
    for (let begin = from; begin < to; ) {
      const nibble = nibbleAt(this.#keyOf(begin), at)
      const end = this.#endOf(nibble, at, begin, to)
      branch[nibble] = this.#change(at + 1, branch[nibble], begin, end)
      begin = end
    }
    return this.#settle(depth, at, path, before, branch)
  }

  #keyOf(index: number): Uint8Array {
    return (this.#changes[index] as LeafChange).key
  }

  /** Where the changes end that have this nibble. */
  #endOf(nibble: number, depth: number, from: number, to: number): number {
    let end = from + 1
    while (end < to && nibbleAt(this.#keyOf(end), depth) === nibble) end++
    return end
  }

  /** How many nibbles of an extension all of the changes follow: as many as the first and the last of them. */
  #followed(depth: number, extension: Uint8Array, from: number, to: number): number {
    const first = this.#keyOf(from)
    const last = this.#keyOf(to - 1)
    let i = 0
    while (
      i < extension.length &&
      nibbleAt(first, depth + i) === extension[i] &&
      nibbleAt(last, depth + i) === extension[i]
    )
      i++
    return i
  }

  #there(from: number, to: number): Leaf[] {
    return this.#changes.slice(from, to).filter((change): change is Leaf => change.value !== undefined)
  }

  #besideLeaf(depth: number, reference: Reference, from: number, to: number): Reference | undefined {
    const plain = leafKeyOf(reference)
    const leaves = this.#there(from, to)
    const isChanged = this.#changes.slice(from, to).some((change) => equalBytes(change.plain, plain))
    if (isChanged) return this.#build(depth, leaves)
    if (leaves.length === 0) return reference
    const key = keccak256(plain)
    const place = leaves.findIndex((leaf) => isBefore(key, leaf.key))
    leaves.splice(place < 0 ? leaves.length : place, 0, { key, plain, value: this.#valueOf(plain) })
    return this.#build(depth, leaves)
  }

  /** A trie of leaves where there was none, or only leaves. */
  #build(depth: number, leaves: readonly Leaf[], from = 0, to = leaves.length): Reference | undefined {
    if (from === to) return undefined
    const first = leaves[from] as Leaf
    if (to - from === 1) return leafReference(first.plain, leafRlp(first.key, depth, first.value))
    const at = sharedNibbles(first.key, (leaves[to - 1] as Leaf).key, depth)
    assert(at < 2 * HASH_BYTES, 'the keys of a trie are distinct')
    const branch = emptyBranch()
    for (let begin = from; begin < to; ) {
      const nibble = nibbleAt((leaves[begin] as Leaf).key, at)
      let end = begin + 1
      while (end < to && nibbleAt((leaves[end] as Leaf).key, at) === nibble) end++
      branch[nibble] = this.#build(at + 1, leaves, begin, end)
      begin = end
    }
    return this.#settle(depth, at, first.key, undefined, branch)
  }

  /** Writes the branch at `at` and gives the reference to it from `depth`; fewer than two children are no branch. */
  #settle(
    depth: number,
    at: number,
    path: Uint8Array,
    before: Branch | undefined,
    branch: Branch,
  ): Reference | undefined {
    const only = onlyChild(branch)
    const after = only === undefined ? branch : undefined
    this.#write(path, at, before, after)
    if (after !== undefined) return branchReference(embed(branchRlp(branch)), nibblesOf(path, depth, at))
    if (only === undefined || only.nibble < 0) return undefined
    return this.#lifted(depth, at, path, only.nibble, branch[only.nibble] as Reference)
  }

  #write(path: Uint8Array, at: number, before: Branch | undefined, after: Branch | undefined): void {
    let differs = false
    for (let nibble = 0; nibble < 16; nibble++) {
      const was = before?.[nibble]
      if (sameReference(was, after?.[nibble])) continue
      differs = true
      this.#rows.changed?.(childKey(this.#owner, path, at, nibble), was ?? NONE)
    }
    if (!differs) return
    const key = pathKey(this.#owner, path, at)
    if (after !== undefined) this.#rows.put(key, encodeBranch(after))
    else if (before !== undefined) this.#rows.remove(key)
  }

  /** The only child of what was a branch at `at`, as it is referred to from `depth`. */
  #lifted(depth: number, at: number, path: Uint8Array, nibble: number, child: Reference): Reference {
    if (isLeaf(child)) {
      const plain = leafKeyOf(child)
      return leafReference(plain, leafRlp(keccak256(plain), depth, this.#valueOf(plain)))
    }
    const below = extensionOf(child)
    const whole = new Uint8Array(HASH_BYTES)
    whole.set(path.subarray(0, (at + 1) >> 1))
    setNibble(whole, at, nibble)
    below.forEach((next, i) => setNibble(whole, at + 1 + i, next))
    const to = at + 1 + below.length
    const branch =
      below.length === 0
        ? embeddingOf(child)
        : embed(branchRlp(readBranch(this.#rows, this.#owner, whole, to)))
    return branchReference(branch, nibblesOf(whole, depth, to))
  }

  /** The reference to the branch at the end of an extension, from `skipped` nibbles further on. */
  #shortened(path: Uint8Array, depth: number, extension: Uint8Array, skipped: number): Reference {
    const whole = new Uint8Array(HASH_BYTES)
    whole.set(path.subarray(0, (depth + 1) >> 1))
    extension.forEach((nibble, i) => setNibble(whole, depth + i, nibble))
    const branch = readBranch(this.#rows, this.#owner, whole, depth + extension.length)
    return branchReference(embed(branchRlp(branch)), extension.slice(skipped))
  }
}

/** Where fewer than two children are there: which (−1: none). */
function onlyChild(branch: Branch): { nibble: number } | undefined {
  let nibble = -1
  for (let i = 0; i < 16; i++) {
    if (branch[i] === undefined) continue
    if (nibble >= 0) return undefined
    nibble = i
  }
  return { nibble }
}

function sameReference(a: Reference | undefined, b: Reference | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && equalBytes(a, b))
}

function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] as number) < (b[i] as number)
  return false
}
