/**
 * The row of a branch: `length of its RLP 2 ‖ which children are leaves 2 ‖ its RLP ‖ of each child that is there: length 1, rest of the
 * reference`. The RLP stands there as it is hashed, so a child that changes but is as long as it was (nearly all) is 32 bytes written over,
 * and no other child is looked at.
 */
import { assert } from '#kernel/assert.ts'
import { type Branch, branchRlp, emptyBranch, isLeaf, type Reference, referenceIn } from './reference.ts'

const HEAD_BYTES = 4
const HASH_BYTES = 32
/** Sixteen embeddings and their prefixes, sixteen extensions of 63 nibbles, and what is around them. */
const ROW_BYTES_MAX = 1_600
/** RLP: nothing, 32 bytes, a list shorter than 56, and lists of one and two bytes of length. */
const EMPTY = 0x80
const HASH = 0xa0
const LIST = 0xc0
const LONG_LIST = 0xf8
const LONGER_LIST = 0xf9

/** One row, changed in place. */
export class BranchRow {
  readonly #bytes: Uint8Array
  /** Of each child: where its item of the RLP begins, and where the length of its rest is; then where the last ends. */
  readonly #items = new Uint16Array(17)
  readonly #rests = new Uint16Array(17)

  constructor(capacity = ROW_BYTES_MAX) {
    this.#bytes = new Uint8Array(capacity)
  }

  /** A copy. */
  load(row: Uint8Array): this {
    const bytes = this.#bytes
    bytes.set(row)
    const first = bytes[HEAD_BYTES] as number
    let at = HEAD_BYTES + (first === LONGER_LIST ? 3 : first === LONG_LIST ? 2 : 1)
    for (let i = 0; i < 16; i++) {
      this.#items[i] = at
      at += itemBytes(bytes[at] as number)
    }
    this.#items[16] = at
    const rlpEnd = HEAD_BYTES + (((bytes[0] as number) << 8) | (bytes[1] as number))
    assert(at + 1 === rlpEnd && bytes[at] === EMPTY, 'the row of a branch begins with its RLP')
    at = rlpEnd
    for (let i = 0; i < 16; i++) {
      this.#rests[i] = at
      if (this.has(i)) at += 1 + (bytes[at] as number)
    }
    this.#rests[16] = at
    assert(at === row.length, 'the row of a branch is as long as its references')
    return this
  }

  has(nibble: number): boolean {
    return this.#bytes[this.#items[nibble] as number] !== EMPTY
  }

  /** A copy. */
  child(nibble: number): Reference | undefined {
    const bytes = this.#bytes
    const item = this.#items[nibble] as number
    if (bytes[item] === EMPTY) return undefined
    const from = bytes[item] === HASH ? item + 1 : item
    const rest = this.#rests[nibble] as number
    return referenceIn(bytes, this.#isLeaf(nibble), {
      from,
      to: this.#items[nibble + 1] as number,
      restFrom: rest + 1,
      restTo: this.#rests[nibble + 1] as number,
    })
  }

  set(nibble: number, reference: Reference | undefined): void {
    if (reference !== undefined && this.#fits(nibble, reference)) return this.#overwrite(nibble, reference)
    const branch = this.toBranch()
    branch[nibble] = reference
    this.load(encodeBranch(branch))
  }

  /** Where fewer than two children are there: which (−1: none). */
  onlyChild(): { readonly nibble: number } | undefined {
    let nibble = -1
    for (let i = 0; i < 16; i++) {
      if (!this.has(i)) continue
      if (nibble >= 0) return undefined
      nibble = i
    }
    return { nibble }
  }

  toBranch(): Branch {
    const branch = emptyBranch()
    for (let i = 0; i < 16; i++) branch[i] = this.child(i)
    return branch
  }

  /** A view, as all that is not said to be a copy. */
  rlp(): Uint8Array {
    return this.#bytes.subarray(HEAD_BYTES, (this.#items[16] as number) + 1)
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#rests[16])
  }

  #isLeaf(nibble: number): boolean {
    return ((((this.#bytes[2] as number) << 8) | (this.#bytes[3] as number)) & (1 << nibble)) !== 0
  }

  #fits(nibble: number, reference: Reference): boolean {
    const item = this.#bytes[this.#items[nibble] as number] as number
    const embedding = (reference[0] as number) & 0x7f
    return (
      item !== EMPTY &&
      (item === HASH ? HASH_BYTES : item - LIST + 1) === embedding &&
      this.#bytes[this.#rests[nibble] as number] === reference[1]
    )
  }

  #overwrite(nibble: number, reference: Reference): void {
    const bytes = this.#bytes
    const item = this.#items[nibble] as number
    let at = bytes[item] === HASH ? item + 1 : item
    const end = this.#items[nibble + 1] as number
    let from = 2
    // Loops: a view costs more than these few bytes.
    while (at < end) bytes[at++] = reference[from++] as number
    at = (this.#rests[nibble] as number) + 1
    while (from < reference.length) bytes[at++] = reference[from++] as number
    const place = nibble < 8 ? 3 : 2
    const bit = 1 << (nibble & 7)
    if (isLeaf(reference)) bytes[place] = (bytes[place] as number) | bit
    else bytes[place] = (bytes[place] as number) & ~bit
  }
}

function itemBytes(prefix: number): number {
  return prefix === EMPTY ? 1 : prefix === HASH ? 1 + HASH_BYTES : prefix - LIST + 1
}

export function encodeBranch(branch: Branch): Uint8Array {
  const rlp = branchRlp(branch)
  let length = HEAD_BYTES + rlp.length
  let leaves = 0
  for (let i = 0; i < 16; i++) {
    const child = branch[i]
    if (child === undefined) continue
    length += 1 + (child[1] as number)
    if (isLeaf(child)) leaves |= 1 << i
  }
  const out = new Uint8Array(length)
  out[0] = rlp.length >> 8
  out[1] = rlp.length
  out[2] = leaves >> 8
  out[3] = leaves
  out.set(rlp, HEAD_BYTES)
  let at = HEAD_BYTES + rlp.length
  for (const child of branch) {
    if (child === undefined) continue
    const rest = child[1] as number
    out[at++] = rest
    for (let i = child.length - rest; i < child.length; i++) out[at++] = child[i] as number
  }
  return out
}

/** The references are copies. */
export function decodeBranch(row: Uint8Array): Branch {
  return new BranchRow(row.length).load(row).toBranch()
}
