/** The table of rpc-errors.md §4.2; some nine hundred more are recorded from geth in test/conformance. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { bigintFrom, fromHex, toHex } from '#kernel/bytes.ts'
import { callObject } from './call-object.ts'
import { RpcFailure } from '#rpc/errors.ts'
import { logFilter } from './filter.ts'
import { quantity } from './geth-hex.ts'
import { blockOverrides, stateOverrides } from './overrides.ts'
import {
  address,
  type BlockPlace,
  blockPlace,
  hash32,
  LATEST,
  numberPlace,
  optional,
  readParams,
  required,
  slotsByAddress,
  storageKey,
} from './params.ts'

const A = `0x${'aa'.repeat(20)}`
const H = `0x${'bb'.repeat(32)}`

function refusalOf(read: () => unknown): { code: number; message: string } {
  try {
    read()
  } catch (thrown) {
    assert.ok(thrown instanceof RpcFailure, String(thrown))
    return { code: thrown.error.code, message: thrown.error.message }
  }
  return assert.fail('it is refused')
}

const balance = (params: unknown) =>
  readParams(params, required(address), optional<BlockPlace>(blockPlace, LATEST))
const one = (read: (value: unknown, index: number) => unknown, value: unknown) => () => read(value, 0)

const refusals: readonly [what: string, read: () => unknown, message: string][] = [
  ['missing', () => balance([]), 'missing value for required argument 0'],
  ['null is missing', () => balance([null]), 'missing value for required argument 0'],
  ['too many', () => balance([A, 'latest', 1]), 'too many arguments, want at most 2'],
  [
    'the first wrong one first',
    () => balance([A, 'x', 1]),
    'invalid argument 1: hex string without 0x prefix',
  ],
  ['not a list', () => balance({}), 'non-array args'],
  ['no 0x', one(hash32, 'bb'), into('hex string without 0x prefix', 'common.Hash')],
  ['odd length', one(hash32, '0xb'), into('hex string of odd length', 'common.Hash')],
  [
    'wrong length',
    one(address, '0x00'),
    'invalid argument 0: hex string has length 2, want 40 for common.Address',
  ],
  ['bad digit', one(address, `0x${'zz'.repeat(20)}`), into('invalid hex string', 'common.Address')],
  ['no text', one(address, 5), into('non-string', 'common.Address')],
  ['no digits', one(numberPlace, '0x'), 'invalid argument 0: hex string "0x"'],
  ['leading zero', one(numberPlace, '0x01'), 'invalid argument 0: hex number with leading zero digits'],
  ['above 64 bits', one(numberPlace, `0x1${'0'.repeat(16)}`), 'invalid argument 0: hex number > 64 bits'],
  [
    'above 63 bits',
    one(numberPlace, '0x8000000000000000'),
    'invalid argument 0: block number larger than int64',
  ],
  [
    'hash and number',
    one(blockPlace, { blockHash: H, blockNumber: '0x1' }),
    'invalid argument 0: cannot specify both BlockHash and BlockNumber, choose one or the other',
  ],
  [
    'filter: hash and range',
    one(logFilter, { blockHash: H, fromBlock: '0x1' }),
    'invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other',
  ],
  ['filter: bad topic', one(logFilter, { topics: [5] }), 'invalid argument 0: invalid topic(s)'],
  [
    'filter: five topics',
    one(logFilter, { topics: [null, null, null, null, null] }),
    'invalid argument 0: exceed max topics',
  ],
  ['storage key: bad digit', () => storageKey('0xasdf'), 'invalid hex in storage key: "0xasdf"'],
  [
    'storage key: too long',
    () => storageKey(`0x${'0'.repeat(65)}`),
    `storage key too long (want at most 32 bytes): "0x${'0'.repeat(65)}"`,
  ],
  [
    'call: bad quantity',
    one(callObject, { value: 'x' }),
    'invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go struct field TransactionArgs.value of type *hexutil.Big',
  ],
  // geth counts the bytes of the JSON text, and goes through numbers from left to right.
  [
    'escapes count as they are written',
    one(address, `0x${'0'.repeat(39)}"`),
    into('hex string of odd length', 'common.Address'),
  ],
  [
    'other letters count their bytes',
    one(hash32, `0x${'0'.repeat(63)}\u00e9`),
    into('hex string of odd length', 'common.Hash'),
  ],
  [
    'a number that is wrong before it is too large',
    one(numberPlace, `0x1${'0'.repeat(15)}g0000`),
    'invalid argument 0: invalid hex string',
  ],
  [
    'a number that is too large before it is wrong',
    one(numberPlace, `0x1${'0'.repeat(16)}g`),
    'invalid argument 0: hex number > 64 bits',
  ],
  ['names in any case, as Go reads them', one(blockPlace, { BLOCKHASH: '0x' }), into('object', 'string')],
  [
    'call: the first in the text first',
    one(callObject, { gas: 'x', from: '0x00' }),
    'invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go struct field TransactionArgs.gas of type hexutil.Uint64',
  ],
  [
    'call: a wrong kind waits for a wrong text',
    one(callObject, { accessList: 5, to: '0x00' }),
    'invalid argument 0: hex string has length 2, want 40 for common.Address',
  ],
  [
    'call: a wrong kind is said in the end',
    one(callObject, { accessList: 5, to: A }),
    'invalid argument 0: json: cannot unmarshal number into Go struct field TransactionArgs.accessList of type types.AccessList',
  ],
  [
    'call: an access list with a hole',
    one(callObject, { accessList: [null] }),
    "invalid argument 0: missing required field 'address' for AccessTuple",
  ],
  [
    'call: a sidecar is read',
    one(callObject, { proofs: ['0x00'] }),
    'invalid argument 0: hex string has length 2, want 96 for kzg4844.Proof',
  ],
  [
    'overrides: a wrong value before its key',
    one(stateOverrides, { x: { balance: 'y' } }),
    'invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go struct field OverrideAccount.balance of type *hexutil.Big',
  ],
  [
    'overrides: a wrong key',
    one(stateOverrides, { x: 5 }),
    into('hex string without 0x prefix', 'common.Address'),
  ],
  [
    'filter: what follows a null among alternatives is not looked at',
    one(logFilter, { topics: [[null, 5], 5] }),
    'invalid argument 0: invalid topic(s)',
  ],
  [
    'slots: a wrong key before a wrong kind',
    one(slotsByAddress, { x: 5 }),
    into('hex string without 0x prefix', 'common.Address'),
  ],
  ['call: no object', one(callObject, 'x'), into('string', 'ethapi.TransactionArgs')],
  ['overrides: no object', one(stateOverrides, 5), into('number', 'override.StateOverride')],
]

function into(what: string, type: string): string {
  return `invalid argument 0: json: cannot unmarshal ${what} into Go value of type ${type}`
}

for (const [what, read, message] of refusals) {
  test(`${what}: refused as geth refuses it`, () => {
    assert.deepEqual(refusalOf(read), { code: -32602, message })
  })
}

test('every field of a call is read', () => {
  const call = callObject(
    {
      from: A,
      to: A,
      gas: '0x1',
      maxFeePerGas: '0x2',
      maxPriorityFeePerGas: '0x3',
      value: '0x4',
      nonce: '0x5',
      data: '0x06',
      chainId: '0x7',
      accessList: [{ address: A, storageKeys: [H] }],
      maxFeePerBlobGas: '0x8',
      blobVersionedHashes: [H],
      authorizationList: [{ chainId: '0x1', address: A, nonce: '0x2', yParity: '0x1', r: '0x3', s: '0x4' }],
      other: 'ignored',
    },
    0,
  )
  const bytes = (value: unknown): unknown => (value instanceof Uint8Array ? toHex(value) : value)
  const text = JSON.stringify(call, (_key, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : bytes(value),
  )
  assert.deepEqual(JSON.parse(text), {
    from: A,
    to: A,
    gas: '1n',
    maxFeePerGas: '2n',
    maxPriorityFeePerGas: '3n',
    value: '4n',
    nonce: '5n',
    input: '0x06',
    chainId: '7n',
    accessList: [{ address: A, storageKeys: [H] }],
    maxFeePerBlobGas: '8n',
    blobVersionedHashes: [H],
    authorizationList: [{ chainId: '1n', address: A, nonce: '2n', yParity: 1, r: '3n', s: '4n' }],
  })
})

test('overrides are read by address in lower case, and a block by our names', () => {
  const state = stateOverrides(
    { [A.toUpperCase().replace('0X', '0x')]: { balance: '0x5', stateDiff: { [H]: H } } },
    0,
  )
  assert.deepEqual([...state.keys()], [A])
  const [override] = state.values()
  assert.equal(override?.balance, 5n)
  assert.equal(toHex(override?.stateDiff?.get(H as `0x${string}`) as Uint8Array), H)
  assert.deepEqual(blockOverrides({ number: '0x5', time: '0x6', baseFeePerGas: '0x7' }, 0), {
    number: 5,
    timestamp: 6,
    baseFee: 7n,
  })
})

test('places are tags, numbers, hashes and the objects of EIP-1898', () => {
  const hash = { kind: 'hash', hash: H, requireCanonical: false }
  assert.deepEqual(blockPlace('safe', 0), { kind: 'tag', tag: 'safe' })
  assert.deepEqual(blockPlace('0x10', 0), { kind: 'number', number: 16 })
  assert.deepEqual(blockPlace(H.toUpperCase().replace('0X', '0x'), 0), hash)
  assert.deepEqual(blockPlace({ blockNumber: 'latest' }, 0), LATEST)
  assert.deepEqual(blockPlace({ blockHash: H, requireCanonical: true }, 0), {
    ...hash,
    requireCanonical: true,
  })
})

test('quantities and storage keys are the numbers that they say', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (n) => {
      const text = `0x${n.toString(16)}`
      assert.equal(quantity(text, 256, { index: 0, type: 't' }), n)
      assert.equal(bigintFrom(storageKey(text)), n)
      assert.equal(bigintFrom(storageKey(text.slice(2))), n)
    }),
  )
})

test('fields are found in any case; of numbers above 2^53 the exact one is kept', () => {
  assert.deepEqual(callObject({ FROM: A, GaS: '0x5' }, 0), { from: fromHex(A), gas: 5n })
  assert.deepEqual(blockPlace({ blocknumber: '0x5' }, 0), { kind: 'number', number: 5 })
  assert.deepEqual(numberPlace('0x7fffffffffffffff', 0), {
    kind: 'number',
    number: Number.MAX_SAFE_INTEGER,
    exact: 2n ** 63n - 1n,
  })
})

test('a block cannot be pretended that our numbers cannot hold', () => {
  const above = (override: object): string => refusalOf(() => blockOverrides(override, 0)).message
  assert.match(above({ number: `0x${(2n ** 53n).toString(16)}` }), /"Number" of 2\^53/)
  assert.match(above({ baseFeePerGas: `0x${(2n ** 64n).toString(16)}` }), /"BaseFeePerGas" of 2\^64/)
  assert.match(above({ blobBaseFee: `0x${(2n ** 128n).toString(16)}` }), /"BlobBaseFee" of 2\^128/)
  assert.deepEqual(blockOverrides({ Time: `0x${(2n ** 53n - 1n).toString(16)}` }, 0), {
    timestamp: Number.MAX_SAFE_INTEGER,
  })
})
