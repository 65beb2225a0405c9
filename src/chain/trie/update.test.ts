import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { trieRoot } from '#chain/trie/trie-root.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintTo, compareBytes, equalBytes, fromHex, toHex } from '#kernel/bytes.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'
import { prove, type TrieAt } from './proof.ts'
import { readLeaf } from './testing/read-proof.ts'
import { decodeBranch } from './branch-row.ts'
import { hexPrefix, nibblesOf } from './nibbles.ts'
import { leafRlp, type Reference } from './reference.ts'
import { isRootKey, positionOf, rootKey, storageOwner, type TrieRows } from './rows.ts'
import { BranchRows, type LeafChange, readBranch, removeTrie, updateTrie } from './update.ts'

const owner = storageOwner(new Uint8Array(20))

/** Rows in a Map, and what each position was before, as an update tells it. */
function mapRows() {
  const rows = new Map<string, Uint8Array>()
  let noticed = new Map<string, Reference | undefined>()
  let last: Uint8Array | undefined
  const trieRows: TrieRows = {
    get: (key) => rows.get(toHex(key)),
    put: (key, row) => void rows.set(toHex(key), row.slice()),
    remove: (key) => assert.ok(rows.delete(toHex(key)), 'what is removed was there'),
    changed(key, nibbles, before) {
      assert.ok(last === undefined || compareBytes(last, key) < 0, 'rows change by ascending keys, each once')
      last = key
      let next = 0
      for (let nibble = 0; nibble < 16; nibble++)
        if (nibbles & (1 << nibble)) noticed.set(toHex(positionOf(key, nibble)), before[next++])
      assert.equal(next, before.length)
      assert.notEqual(next, 0)
    },
  }
  return {
    rows,
    trieRows,
    takeNoticed(): Map<string, Reference | undefined> {
      const taken = noticed
      last = undefined
      noticed = new Map()
      return taken
    },
  }
}

const plainOf = (n: number): Uint8Array => bigintTo(BigInt(n), 32)
/** Keys that share long prefixes are rare among hashes, so these are made to: the branching is deep, and nodes are shorter than hashes. */
const closeKeyOf = (n: number): Uint8Array => {
  const key = new Uint8Array(32).fill(0x11)
  key.set(bigintTo(BigInt(n), 2), 30)
  if (n % 3 === 0) key[0] = n & 0xff
  return key
}

class Twin {
  readonly map = mapRows()
  readonly branches = new BranchRows()
  readonly values = new Map<number, Uint8Array>()
  readonly #keyOf: (n: number) => Uint8Array
  constructor(keyOf: (n: number) => Uint8Array) {
    this.#keyOf = keyOf
  }
  /** Applies to both and compares. A value of 0 removes. */
  apply(batch: ReadonlyMap<number, number>): void {
    const changes: LeafChange[] = [...batch].map(([n, value]) => ({
      key: this.#keyOf(n),
      plain: plainOf(n),
      value: value === 0 ? undefined : Uint8Array.of(value),
    }))
    for (const [n, value] of batch) {
      if (value === 0) this.values.delete(n)
      else this.values.set(n, Uint8Array.of(value))
    }
    changes.sort((a, b) => compareBytes(a.key, b.key))
    this.map.takeNoticed()
    const root = updateTrie(
      owner,
      { changes, valueOf: this.valueOf },
      { rows: this.map.trieRows, branches: this.branches },
    )
    assert.equal(toHex(root), toHex(this.root()))
  }
  readonly valueOf = (plain: Uint8Array): Uint8Array =>
    this.values.get(Number(BigInt(toHex(plain)))) ?? assert.fail('a leaf that is there')
  root(): Uint8Array {
    return trieRoot([...this.values].map(([n, value]) => ({ key: this.#keyOf(n), value })))
  }
}

const batches = fc.array(
  fc.dictionary(fc.integer({ min: 1, max: 60 }).map(String), fc.integer({ min: 0, max: 200 })),
  {
    maxLength: 8,
  },
)
const asMap = (batch: Record<string, number>): Map<number, number> =>
  new Map(Object.entries(batch).map(([n, value]) => [Number(n), value]))

test('a trie changed batch by batch has the root of one built from its leaves, and only the rows of one', () => {
  fc.assert(
    fc.property(batches, (all) => {
      const twin = new Twin((n) => keccak256(plainOf(n)))
      for (const batch of all) twin.apply(asMap(batch))
      const fresh = new Twin((n) => keccak256(plainOf(n)))
      fresh.apply(new Map([...twin.values].map(([n, value]) => [n, value[0] as number])))
      const sorted = (rows: Map<string, Uint8Array>) =>
        [...rows].map(([key, row]) => `${key} ${toHex(row)}`).sort()
      assert.deepEqual(sorted(twin.map.rows), sorted(fresh.map.rows), 'the rows follow from the leaves alone')
    }),
  )
})

test('putting back what each position was before gives the rows of before', () => {
  fc.assert(
    fc.property(batches, fc.boolean(), (all, removesLast) => {
      const twin = new Twin((n) => keccak256(plainOf(n)))
      let before = new Map(twin.map.rows)
      for (const batch of all) {
        before = new Map(twin.map.rows)
        twin.apply(asMap(batch))
      }
      if (removesLast) {
        before = new Map(twin.map.rows)
        twin.map.takeNoticed()
        removeTrie(twin.map.trieRows, owner)
        assert.equal(twin.map.rows.size, 0)
      }
      const undone = refsOf(twin.map.rows, twin.map.takeNoticed())
      assert.deepEqual(undone, refsOf(before, new Map()))
    }),
  )
})

/** Every reference by its position, with those of `over` in place of what the rows say. */
function refsOf(
  rows: ReadonlyMap<string, Uint8Array>,
  over: ReadonlyMap<string, Reference | undefined>,
): Map<string, string> {
  const refs = new Map<string, string>()
  for (const [text, row] of rows) {
    const key = fromHex(text)
    const found = isRootKey(key) ? [row] : decodeBranch(row)
    found.forEach((reference, nibble) => {
      if (reference) refs.set(toHex(positionOf(key, nibble)), toHex(reference))
    })
  }
  for (const [position, before] of over) {
    if (before === undefined) refs.delete(position)
    else refs.set(position, toHex(before))
  }
  return new Map([...refs].sort(([a], [b]) => (a < b ? -1 : 1)))
}

test('a key and the absence of a key are proven by the nodes on the path', () => {
  fc.assert(
    fc.property(batches, fc.integer({ min: 1, max: 70 }), (all, n) => {
      const twin = new Twin((m) => keccak256(plainOf(m)))
      for (const batch of all) twin.apply(asMap(batch))
      const { trieRows } = twin.map
      const proof = prove(
        {
          root: () => trieRows.get(rootKey(owner)),
          branch: (path, depth) => readBranch(trieRows, owner, path, depth),
          valueOf: twin.valueOf,
        },
        keccak256(plainOf(n)),
      )
      const root = twin.root()
      if (toHex(root) === EMPTY_TRIE_ROOT) return assert.equal(proof.length, 0)
      assert.deepEqual(readLeaf(root, keccak256(plainOf(n)), proof), twin.values.get(n))
    }),
  )
})

test('nodes shorter than a hash stand in their parents', () => {
  // Not hashes of what they say they are, so all are put at once and none moves.
  const numbers = [3, 6, 7, 8, 0x107, 0x108, 0x1107]
  const twin = new Twin(closeKeyOf)
  twin.apply(new Map(numbers.map((n, i) => [n, i + 1])))
  const { rows, trieRows } = twin.map
  assert.ok(
    [...rows.values()].some((row) => row.length < 100 && row.length > 40),
    'a branch with short references',
  )
  for (const n of numbers) {
    const trie: TrieAt = {
      root: () => trieRows.get(rootKey(owner)),
      branch: (path, depth) => readBranch(trieRows, owner, path, depth),
      valueOf: twin.valueOf,
    }
    // The proof's last leaf is named by its own key, of which the hash is another: only what is above it can be read.
    const proof = prove(trie, closeKeyOf(n))
    assert.ok(equalBytes(keccak256(proof[0] as Uint8Array), twin.root()))
    assert.ok(proof.slice(1).every((node) => node.length >= 32))
  }
})

test('a leaf is encoded as a list of its path and its value, whatever their lengths', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.integer({ min: 0, max: 63 }),
      fc.uint8Array({ minLength: 1, maxLength: 260 }),
      (key, depth, value) => {
        const slow = encodeRlp([hexPrefix(nibblesOf(key, depth), true), value])
        assert.equal(toHex(leafRlp(key, depth, value)), toHex(slow))
      },
    ),
    { numRuns: 500 },
  )
})
