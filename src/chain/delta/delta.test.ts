import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintTo, equalBytes, fromHex, toHex } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import type { AccountChange, Delta } from './delta.ts'
import { accountAt, checkDelta, type DeltaParts, makeDelta, slotAt } from './delta-builder.ts'
import { deltaBytes, deltaHash } from './delta-hash.ts'

interface Vector {
  name: string
  accounts: { address: string; nonce?: string; balance: string; codeHash: string }[]
  slots: { address: string; key: string; value: string }[]
  cleared: string[]
  codes: string[]
  bytes: string
  hash: string
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'testdata', 'delta-vectors.json'), 'utf8'),
) as Vector[]

function partsOf({ accounts, slots, cleared, codes }: Vector): DeltaParts {
  return {
    accounts: accounts.map(({ address, nonce, balance, codeHash }) => ({
      address: fromHex(address),
      after:
        nonce === undefined
          ? undefined
          : { nonce: BigInt(nonce), balance: BigInt(balance), codeHash: fromHex(codeHash) },
    })),
    slots: slots.map(({ address, key, value }) => ({
      address: fromHex(address),
      key: fromHex(key),
      value: fromHex(value),
    })),
    cleared: cleared.map(fromHex),
    codes: codes.map(fromHex).map((code) => ({ hash: keccak256(code), code })),
  }
}

// Few bytes, high ones among them, so that order and equal prefixes matter.
const address = fc.tuple(fc.constantFrom(0x00, 0x7f, 0x80, 0xff), fc.nat(2)).map(([a, b]) => {
  const bytes = new Uint8Array(20)
  bytes[0] = a
  bytes[19] = b
  return bytes
})
const word = fc.tuple(fc.constantFrom(0x00, 0x80), fc.nat(3)).map(([a, b]) => {
  const bytes = new Uint8Array(32)
  bytes[0] = a
  bytes[31] = b
  return bytes
})
const code = fc.uint8Array({ minLength: 1, maxLength: 5 })
const hex = (bytes: Uint8Array): string => toHex(bytes)
const uint = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n })

const after = fc.record({ nonce: uint(64), balance: uint(256), code: fc.option(code, { nil: undefined }) })
const someParts: fc.Arbitrary<DeltaParts> = fc
  .record({
    accounts: fc.uniqueArray(fc.record({ address, after: fc.option(after, { nil: undefined }) }), {
      selector: (change) => hex(change.address),
      maxLength: 6,
    }),
    slots: fc.uniqueArray(fc.record({ address, key: word, value: word }), {
      selector: (change) => hex(change.address) + hex(change.key),
      maxLength: 8,
    }),
    cleared: fc.uniqueArray(address, { selector: hex, maxLength: 3 }),
  })
  .map(({ accounts, slots, cleared }) => ({
    accounts: accounts.map((change): AccountChange => {
      if (change.after === undefined) return { address: change.address, after: undefined }
      const { nonce, balance, code: bytes = new Uint8Array(0) } = change.after
      return { address: change.address, after: { nonce, balance, codeHash: keccak256(bytes) } }
    }),
    codes: accounts.flatMap((change) =>
      change.after?.code === undefined
        ? []
        : [{ hash: keccak256(change.after.code), code: change.after.code }],
    ),
    slots: slots.filter(
      ({ address: of, value }) =>
        value.some((byte) => byte !== 0) || !cleared.some((each) => equalBytes(each, of)),
    ),
    cleared,
  }))

test('published deltas have their published bytes and hashes', () => {
  assert.ok(vectors.length >= 6)
  for (const vector of vectors) {
    const delta = makeDelta(partsOf(vector))
    checkDelta(delta)
    assert.equal(toHex(deltaBytes(delta)), vector.bytes, vector.name)
    assert.equal(toHex(deltaHash(delta)), vector.hash, vector.name)
  }
})

test('the worked example of docs/feed.md has the bytes and the hash that it shows', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'feed.md'), 'utf8')
  const [, example = ''] = text.split('### A worked example')
  const [, layout = '', , hash = ''] = example.split('```')
  const shown = layout
    .trim()
    .split('\n')
    .map((line) => line.split(/\s{2,}/)[0]?.replaceAll(' ', ''))
  const address = fromHex(`0x11${'00'.repeat(18)}01`)
  const word = (value: bigint): Uint8Array => bigintTo(value, 32)
  const delta = makeDelta({
    accounts: [
      { address, after: { nonce: 7n, balance: 10n ** 18n, codeHash: keccak256(new Uint8Array(0)) } },
    ],
    slots: [{ address, key: word(1n), value: word(42n) }],
    cleared: [],
    codes: [],
  })
  assert.equal(`0x${shown.join('')}`, toHex(deltaBytes(delta)))
  assert.equal(`0x${hash.trim()}`, toHex(deltaHash(delta)))
})

test('changes in any order make one delta', () => {
  const shuffled = someParts.chain((parts) =>
    fc.tuple(
      fc.constant(parts),
      fc.shuffledSubarray([...parts.accounts], { minLength: parts.accounts.length }),
      fc.shuffledSubarray([...parts.slots], { minLength: parts.slots.length }),
      fc.shuffledSubarray([...parts.cleared], { minLength: parts.cleared.length }),
      fc.shuffledSubarray([...parts.codes], { minLength: parts.codes.length }),
    ),
  )
  fc.assert(
    fc.property(shuffled, ([parts, accounts, slots, cleared, codes]) => {
      const delta = makeDelta(parts)
      checkDelta(delta)
      const other = makeDelta({ accounts, slots, cleared, codes })
      assert.deepEqual(other, delta)
      assert.ok(equalBytes(deltaHash(other), deltaHash(delta)))
    }),
  )
})

test('a delta gives back each change that it was made of', () => {
  fc.assert(
    fc.property(someParts, (parts) => {
      const delta = makeDelta(parts)
      const byAddress = new Map(parts.accounts.map((change) => [hex(change.address), change.after]))
      for (let i = 0; i < delta.accounts.count; i++) {
        const { address: of, after: is } = accountAt(delta, i)
        assert.deepEqual(is, byAddress.get(hex(of)))
      }
      const bySlot = new Map(
        parts.slots.map((change) => [hex(change.address) + hex(change.key), hex(change.value)]),
      )
      for (let i = 0; i < delta.slots.count; i++) {
        const { address: of, key, value } = slotAt(delta, i)
        assert.equal(hex(value), bySlot.get(hex(of) + hex(key)))
      }
      assert.equal(delta.accounts.count, byAddress.size)
      assert.equal(delta.slots.count, bySlot.size)
    }),
  )
})

test('any other byte gives another hash', () => {
  const columns = (delta: Delta): Uint8Array[] => [
    delta.accounts.addresses, delta.accounts.exists, delta.accounts.nonces, delta.accounts.balances, delta.accounts.codeHashes,
    delta.slots.addresses, delta.slots.keys, delta.slots.values, delta.cleared, ...delta.codes.flatMap(({ hash, code: bytes }) => [hash, bytes]),
  ] // biome-ignore format: one table
  for (const vector of vectors) {
    const delta = structuredClone(makeDelta(partsOf(vector)))
    const seen = new Set([toHex(deltaHash(delta))])
    let bytes = 0
    for (const column of columns(delta)) {
      for (let i = 0; i < column.length; i++) {
        const before = column[i] as number
        column[i] = before ^ 1
        seen.add(toHex(deltaHash(delta)))
        column[i] = before
        bytes++
      }
    }
    assert.equal(seen.size, bytes + 1, vector.name)
  }
})

test('the same columns under other counts give another hash', () => {
  const address20 = new Uint8Array(20).fill(7)
  const empty = makeDelta({ accounts: [], slots: [], cleared: [], codes: [] })
  const cleared = makeDelta({ accounts: [], slots: [], cleared: [address20], codes: [] })
  const slots = { ...empty, slots: { ...empty.slots, count: 1, addresses: address20 } }
  assert.notEqual(toHex(deltaHash(cleared)), toHex(deltaHash(slots)))
})

test('a change that is given twice is a bug of its maker', () => {
  const parts = partsOf(vectors.at(-1) as Vector)
  for (const twice of ['accounts', 'slots', 'cleared'] as const) {
    assert.throws(
      () => makeDelta({ ...parts, [twice]: [...parts[twice], ...parts[twice]] }),
      /strict order/,
      twice,
    )
  }
})

test('a delta from outside that is not canonical is refused', () => {
  const everything = (): Delta => structuredClone(makeDelta(partsOf(vectors.at(-1) as Vector)))
  const rows = (bytes: Uint8Array, width: number): Uint8Array => {
    const [first, second] = [bytes.slice(0, width), bytes.slice(width, 2 * width)]
    bytes.set(second)
    bytes.set(first, width)
    return bytes
  }
  const spoil: Record<string, (delta: Delta) => Delta | Uint8Array | void> = {
    'accounts out of order': (delta) => rows(delta.accounts.addresses, 20),
    'slots out of order': (delta) => rows(delta.slots.addresses, 20),
    'an account twice': (delta) => delta.accounts.addresses.copyWithin(20, 0, 20),
    'existence of 2': (delta) => void (delta.accounts.exists[0] = 2),
    'a nonce of what is not there': (delta) => void (delta.accounts.nonces[7] = 1),
    'a code hash of what is not there': (delta) => void (delta.accounts.codeHashes[31] = 1),
    'a column too short': (delta) => ({
      ...delta,
      accounts: { ...delta.accounts, balances: delta.accounts.balances.slice(1) },
    }),
    'a count too high': (delta) => ({ ...delta, slots: { ...delta.slots, count: delta.slots.count + 1 } }),
    'half a cleared address': (delta) => ({ ...delta, cleared: delta.cleared.slice(10) }),
    'a cleared account with a slot of zero': (delta) => ({
      ...delta,
      cleared: fromHex(`0x53${'00'.repeat(19)}`),
    }),
    'a code with another hash': (delta) => void (delta.codes[0] as { code: Uint8Array }).code.fill(9),
    'a code of nobody': (delta) => ({
      ...delta,
      codes: [{ hash: keccak256(Uint8Array.of(9)), code: Uint8Array.of(9) }],
    }),
    'no code listed as code': (delta) => ({
      ...delta,
      codes: [{ hash: keccak256(new Uint8Array(0)), code: new Uint8Array(0) }],
    }),
    'a code twice': (delta) => ({ ...delta, codes: [...delta.codes, ...delta.codes] }),
    'a code hash of 31 bytes': (delta) => ({
      ...delta,
      codes: delta.codes.map((each) => ({ ...each, hash: each.hash.slice(1) })),
    }),
  }
  checkDelta(everything())
  for (const [what, change] of Object.entries(spoil)) {
    const delta = everything()
    const changed = change(delta)
    const spoiled = changed === undefined || changed instanceof Uint8Array ? delta : changed
    assert.throws(
      () => checkDelta(spoiled),
      (thrown) => faultCode(thrown) === 'chain/delta',
      what,
    )
  }
})
