import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { keccak256 } from '#core/keccak.ts'
import { toHex, utf8 } from '#kernel/bytes.ts'
import { encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { EMPTY_TRIE_ROOT, orderedTrieRoot, trieRoot } from './trie-root.ts'

/** The definition of the Yellow Paper (appendix D, equations of c and n) over a map of hex keys: no order, no sharing, many copies. */
function slowRoot(entries: ReadonlyMap<string, Uint8Array>): string {
  if (entries.size === 0) return toHex(keccak256(encodeRlp(new Uint8Array(0))))
  return toHex(
    keccak256(encodeRlp(slowNode(new Map([...entries].map(([key, value]) => [key.slice(2), value]))))),
  )
}

function slowNode(entries: ReadonlyMap<string, Uint8Array>): RlpItem {
  const keys = [...entries.keys()]
  const [first = ''] = keys
  if (keys.length === 1) return [slowPath(first, 2), entries.get(first) as Uint8Array]
  let shared = 0
  while (keys.every((key) => key.length > shared && key[shared] === first[shared])) shared++
  if (shared > 0)
    return [slowPath(first.slice(0, shared), 0), slowReference(below(entries, first.slice(0, shared)))]
  const branches = '0123456789abcdef'.split('').map((digit) => slowReference(below(entries, digit)))
  return [...branches, entries.get('') ?? new Uint8Array(0)]
}

function below(entries: ReadonlyMap<string, Uint8Array>, prefix: string): Map<string, Uint8Array> {
  return new Map(
    [...entries]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  )
}

function slowReference(entries: ReadonlyMap<string, Uint8Array>): RlpItem {
  if (entries.size === 0) return new Uint8Array(0)
  const node = slowNode(entries)
  const rlp = encodeRlp(node)
  return rlp.length < 32 ? node : keccak256(rlp)
}

function slowPath(nibbles: string, flag: number): Uint8Array {
  const digits = nibbles.length % 2 === 1 ? `${flag + 1}${nibbles}` : `${flag}0${nibbles}`
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

const rootOf = (pairs: Record<string, string>): string =>
  toHex(trieRoot(Object.entries(pairs).map(([key, value]) => ({ key: utf8(key), value: utf8(value) }))))

test('known tries have their known roots', () => {
  assert.equal(toHex(trieRoot([])), EMPTY_TRIE_ROOT)
  assert.equal(
    rootOf({ A: 'a'.repeat(50) }),
    '0xd23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab',
  )
  assert.equal(
    rootOf({ doe: 'reindeer', dog: 'puppy', dogglesworth: 'cat' }),
    '0x8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3',
  )
  assert.equal(
    rootOf({ do: 'verb', horse: 'stallion', doge: 'coin', dog: 'puppy' }),
    '0x5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84',
  )
  assert.equal(
    rootOf({ foo: 'bar', food: 'bass' }),
    '0x17beaa1648bafa633cda809c90c04af50fc8aed3cb40d16efbddee6fdf63c4c3',
  )
})

test('the root of any entries in any order is that of the definition', () => {
  // Few different bytes, so that keys share prefixes and are prefixes of each other.
  const key = fc.array(fc.constantFrom(0x00, 0x01, 0x10, 0x11, 0xff), { minLength: 1, maxLength: 4 })
  const value = fc.uint8Array({ minLength: 1, maxLength: 70 })
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 30 }), (pairs) => {
      const entries = new Map(pairs.map(([bytes, word]) => [toHex(Uint8Array.from(bytes)), word]))
      const shuffled = pairs.filter(([bytes, word]) => entries.get(toHex(Uint8Array.from(bytes))) === word)
      const root = trieRoot(shuffled.map(([bytes, word]) => ({ key: Uint8Array.from(bytes), value: word })))
      assert.equal(toHex(root), slowRoot(entries))
    }),
    { numRuns: 300 },
  )
})

test('a list of any length has the root of its trie of indexes', () => {
  for (const length of [0, 1, 2, 16, 127, 128, 129, 300]) {
    const items = Array.from({ length }, (_, i) => utf8(`item ${i} ${'x'.repeat(i % 60)}`))
    const index = (i: number): Uint8Array =>
      i === 0 ? new Uint8Array(0) : i < 256 ? Uint8Array.of(i) : Uint8Array.of(i >> 8, i & 255)
    const entries = new Map(items.map((item, i) => [toHex(encodeRlp(index(i))), item]))
    assert.equal(toHex(orderedTrieRoot(items)), slowRoot(entries), `${length} items`)
  }
})

test('a key that is there twice is a bug of the caller', () => {
  const entry = (text: string) => ({ key: utf8(text), value: utf8('value') })
  assert.throws(() => trieRoot([entry('a'), entry('a')]), /distinct/)
  assert.throws(() => trieRoot([entry('a'), entry('ab'), entry('a'), entry('abc')]), /distinct/)
})
