/**
 * Changes a trie by many leaves at once: one walk over the branches that lie on their paths, each read, hashed and written once. What
 * comes out is the canonical trie (Yellow Paper appendix D) of the leaves that are there then, in the rows of `rows.ts`.
 */
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { equalBytes, fromHex } from '#kernel/bytes.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'
import { nibbleAt, nibblesOf, setNibble, sharedNibbles } from './nibbles.ts'
import { BranchRow, decodeBranch, encodeBranch } from './branch-row.ts'
import {
  type Branch,
  branchReference,
  branchRlp,
  embed,
  embeddingOf,
  emptyBranch,
  extensionOf,
  isLeaf,
  leafKeyOf,
  leafReference,
  leafRlp,
  type Reference,
} from './reference.ts'
import { branchKey, type Owner, rootKey, type TrieReader, type TrieRows } from './rows.ts'

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

const HASH_BYTES = 32
const EMPTY_ROOT = fromHex(EMPTY_TRIE_ROOT)

export interface Changes {
  /** By strictly ascending hashed key. */
  readonly changes: readonly LeafChange[]
  /** What a leaf holds that is not among the changes but moves because of them. */
  readonly valueOf: (plain: Uint8Array) => Uint8Array
}

export interface Tries {
  readonly rows: TrieRows
  readonly branches: BranchRows
}

/** The new root, 32 bytes. */
export function updateTrie(owner: Owner, changes: Changes, tries: Tries): Uint8Array {
  return new Update(owner, changes, tries).run()
}

/** The root as it is, 32 bytes. */
export function trieRootOf(rows: TrieReader, owner: Owner): Uint8Array {
  return rootHash(rows.get(rootKey(owner)))
}

export function rootHash(reference: Reference | undefined): Uint8Array {
  if (reference === undefined) return EMPTY_ROOT
  const embedding = embeddingOf(reference)
  return embedding.length === HASH_BYTES ? embedding.slice() : keccak256(embedding)
}

/** Removes all of a trie. */
export function removeTrie(rows: TrieRows, owner: Owner): void {
  const key = rootKey(owner)
  const root = rows.get(key)?.slice()
  if (root === undefined) return
  removeBelow(rows, owner, new Uint8Array(HASH_BYTES), 0, root)
  rows.changed?.(key, 1, [root])
  rows.remove(key)
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
  branch.forEach((child, nibble) => {
    if (child === undefined) return
    setNibble(path, at, nibble)
    removeBelow(rows, owner, path, at + 1, child)
  })
  const key = branchKey(owner, path, at)
  notice(rows, key, branch, undefined)
  rows.remove(key)
}

export function readBranch(rows: TrieReader, owner: Owner, path: Uint8Array, depth: number): Branch {
  const row = rows.get(branchKey(owner, path, depth))
  assert(row !== undefined, 'a branch that is referred to has its row')
  return decodeBranch(row)
}

/** Says what has changed of a branch; false where nothing has. */
function notice(rows: TrieRows, key: Uint8Array, was: Branch | undefined, is: Branch | undefined): boolean {
  const before: (Reference | undefined)[] = []
  let nibbles = 0
  for (let nibble = 0; nibble < 16; nibble++) {
    if (sameReference(was?.[nibble], is?.[nibble])) continue
    nibbles |= 1 << nibble
    before.push(was?.[nibble])
  }
  if (nibbles !== 0) rows.changed?.(key, nibbles, before)
  return nibbles !== 0
}

/** Branches that are being changed, one of each depth: made once for all tries of a block. */
export class BranchRows {
  readonly #rows: BranchRow[] = []

  at(depth: number): BranchRow {
    return (this.#rows[depth] ??= new BranchRow())
  }
}

class Update {
  readonly #rows: TrieRows
  readonly #owner: Owner
  readonly #changes: readonly LeafChange[]
  readonly #valueOf: (plain: Uint8Array) => Uint8Array
  readonly #branches: BranchRows

  constructor(owner: Owner, { changes, valueOf }: Changes, { rows, branches }: Tries) {
    this.#rows = rows
    this.#owner = owner
    this.#changes = changes
    this.#valueOf = valueOf
    this.#branches = branches
  }

  run(): Uint8Array {
    const key = rootKey(this.#owner)
    const before = this.#rows.get(key)?.slice()
    const after = this.#change(0, before, 0, this.#changes.length)
    if (!sameReference(before, after)) {
      this.#rows.changed?.(key, 1, [before])
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
    const extension = extensionOf(reference)
    const followed = this.#followed(depth, extension, from, to)
    if (followed === extension.length) return this.#changeBranch(depth, depth + followed, reference, from, to)
    const path = this.#keyOf(from)
    const at = depth + followed
    const branch = emptyBranch()
    branch[extension[followed] as number] = this.#shortened(path, depth, extension, followed + 1)
    this.#eachNibble(at, from, to, (nibble, begin, end) => {
      branch[nibble] = this.#change(at + 1, branch[nibble], begin, end)
    })
    return this.#settleNew(depth, at, path, branch)
  }

  /** The branch at `at`, to which `reference` leads from `depth`, changed in its row. */
  #changeBranch(
    depth: number,
    at: number,
    reference: Reference,
    from: number,
    to: number,
  ): Reference | undefined {
    const path = this.#keyOf(from)
    const key = branchKey(this.#owner, path, at)
    const row = this.#rows.get(key)
    assert(row !== undefined, 'a branch that is referred to has its row')
    const branch = this.#branches.at(at).load(row)
    let nibbles = 0
    const before: (Reference | undefined)[] = []
    for (let begin = from; begin < to; ) {
      const nibble = nibbleAt(this.#keyOf(begin), at)
      const end = this.#endOf(nibble, at, begin, to)
      const was = branch.child(nibble)
      const is = this.#change(at + 1, was, begin, end)
      begin = end
      if (sameReference(was, is)) continue
      nibbles |= 1 << nibble
      before.push(was)
      branch.set(nibble, is)
    }
    if (nibbles === 0) return reference
    const only = branch.onlyChild()
    if (only === undefined) {
      this.#rows.changed?.(key, nibbles, before)
      this.#rows.put(key, branch.bytes())
      return branchReference(embed(branch.rlp()), extensionOf(reference))
    }
    return this.#dissolve(depth, at, path, { branch: branch.toBranch(), nibbles, before })
  }

  /** A branch that is left with one child or none is there no more. */
  #dissolve(
    depth: number,
    at: number,
    path: Uint8Array,
    { branch, nibbles, before }: { branch: Branch; nibbles: number; before: (Reference | undefined)[] },
  ): Reference | undefined {
    const key = branchKey(this.#owner, path, at)
    const was = branch.slice()
    let next = 0
    for (let nibble = 0; nibble < 16; nibble++) if (nibbles & (1 << nibble)) was[nibble] = before[next++]
    notice(this.#rows, key, was, undefined)
    this.#rows.remove(key)
    const only = branch.findIndex((child) => child !== undefined)
    return only < 0 ? undefined : this.#lifted(depth, at, path, only, branch[only] as Reference)
  }

  #eachNibble(
    depth: number,
    from: number,
    to: number,
    each: (nibble: number, begin: number, end: number) => void,
  ): void {
    for (let begin = from; begin < to; ) {
      const nibble = nibbleAt(this.#keyOf(begin), depth)
      const end = this.#endOf(nibble, depth, begin, to)
      each(nibble, begin, end)
      begin = end
    }
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
    return this.#settleNew(depth, at, first.key, branch)
  }

  /** Writes a branch where there was none, and gives the reference to it from `depth`; fewer than two children are no branch. */
  #settleNew(depth: number, at: number, path: Uint8Array, branch: Branch): Reference | undefined {
    const only = onlyChild(branch)
    if (only === undefined) {
      const key = branchKey(this.#owner, path, at)
      notice(this.#rows, key, undefined, branch)
      this.#rows.put(key, encodeBranch(branch))
      return branchReference(embed(branchRlp(branch)), nibblesOf(path, depth, at))
    }
    if (only.nibble < 0) return undefined
    return this.#lifted(depth, at, path, only.nibble, branch[only.nibble] as Reference)
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
