import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import { headerFromFields } from '#chain/header/header-rlp.ts'
import { makeDelta } from '#chain/delta/delta-builder.ts'
import { deltaHash } from '#chain/delta/delta-hash.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { decodeTransaction, encodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { keccak256 } from '#core/keccak.ts'
import { concatBytes, toHex, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import type { FeedRecord } from '#protocol/feed/frames/records.ts'
import { decodeFrame, encodeFrame, PART_BYTES_MAX, splitFrame } from './frame.ts'
import { RecordSchema } from './gen/drover/feed/v1/feed_pb.js'
import { create, toBinary } from './protobuf.ts'
import { decodeRecord, encodeRecord } from './record.ts'

const zstd = createZstd()
const word = (n: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? n : 0))
const address = (n: number): Uint8Array => Uint8Array.from({ length: 20 }, (_, i) => (i === 19 ? n : 0xaa))

function sample(payload: Uint8Array): Frame {
  const raw = encodeTransaction({
    type: 2,
    chainId: 1n,
    nonce: 7n,
    maxPriorityFeePerGas: 1n,
    maxFeePerGas: 9n,
    gasLimit: 21_000n,
    to: address(1),
    value: 5n,
    data: payload,
    accessList: [],
    v: 1n,
    r: 3n,
    s: 4n,
  })
  const code = utf8('code')
  const delta = makeDelta({
    accounts: [
      { address: address(2), after: undefined },
      { address: address(1), after: { nonce: 1n, balance: 10n ** 20n, codeHash: keccak256(code) } },
    ],
    slots: [{ address: address(1), key: word(1), value: word(2) }],
    cleared: [],
    codes: [{ hash: keccak256(code), code }],
  })
  const header = headerFromFields({
    parentHash: toHex(word(9)) as never, ommersHash: word(0), beneficiary: address(3), stateRoot: word(1), transactionsRoot: word(2), receiptsRoot: word(3),
    logsBloom: new Uint8Array(256), difficulty: 0n, number: 12, gasLimit: 30_000_000n, gasUsed: 21_000n, timestamp: 1_700_000_000, extraData: utf8('x'),
    mixHash: word(4), nonce: new Uint8Array(8), baseFeePerGas: 7n, withdrawalsRoot: word(5),
  }) // biome-ignore format: fields
  return {
    block: {
      header,
      transactions: [decodeTransaction(raw)],
      senders: [address(9)],
      ommers: [],
      withdrawals: [{ index: 1n, validatorIndex: 2n, address: address(4), amount: 3n }],
    },
    receipts: [
      {
        type: 2,
        outcome: { status: 1 },
        cumulativeGasUsed: 21_000n,
        logs: [{ address: address(1), topics: [word(6)], data: payload }],
      },
    ],
    delta,
    deltaHash: deltaHash(delta),
    senders: 'claimed',
    source: 'execute',
    level: 'receipts',
  }
}

test('a frame survives its encoding', () => {
  const frame = sample(utf8('payload'))
  assert.deepEqual(decodeFrame(encodeFrame(frame, zstd), zstd), frame)
})

test('any flipped bit of an encoded frame is refused, or changes nothing', () => {
  const frame = sample(utf8('payload'))
  const bytes = encodeFrame(frame, zstd)
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Uint8Array.from(bytes)
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
    let read: Frame
    try {
      read = decodeFrame(flipped, zstd)
    } catch {
      continue
    }
    // What the digests do not cover: the level, the source, the header (its hash names the block) and plain fields beside the sections.
    assert.deepEqual(
      { delta: read.delta, receipts: read.receipts, senders: read.block.senders },
      { delta: frame.delta, receipts: frame.receipts, senders: frame.block.senders },
      `byte ${at}`,
    )
  }
})

test('a long frame is cut into parts that make it whole again', () => {
  const payload = concatBytes(
    ...Array.from({ length: 60_000 }, (_, i) => keccak256(word(i % 256).with(0, i >> 8))),
  )
  const frame = sample(payload)
  const bytes = encodeFrame(frame, zstd)
  const { header } = frame.block
  const parts = splitFrame({
    block: refOf(header),
    parent: header.parentHash,
    deltaHash: toHex(frame.deltaHash),
    level: 'receipts',
    bytes,
  })
  assert.equal(parts.length, Math.ceil(bytes.length / PART_BYTES_MAX))
  assert.ok(parts.length > 1)
  assert.deepEqual(decodeFrame(concatBytes(...parts.map((part) => part.bytes)), zstd), frame)
})

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes) as never)
const ref = fc.record({ number: fc.nat(), hash })
const level = fc.constantFrom(
  'none' as const,
  'receipts' as const,
  'agreed' as const,
  'root' as const,
  'hash' as const,
)
const bytes = fc.uint8Array({ maxLength: 64 })
const body = fc.oneof(
  fc.record({
    kind: fc.constant('generation' as const),
    chainId: fc.bigInt(1n, 2n ** 64n),
    genesisHash: hash,
    generation: fc.integer({ min: 1, max: 9 }),
    base: ref,
    baseHeader: bytes,
    baseStateRoot: hash,
    settings: fc.record({ agree: fc.integer({ min: 1, max: 9 }) }),
  }),
  fc.record({
    kind: fc.constant('framePart' as const),
    block: ref,
    parent: hash,
    frameDigest: hash,
    deltaHash: hash,
    level,
    index: fc.constant(0),
    count: fc.constant(3),
    bytes,
  }),
  fc.record({
    kind: fc.constant('headEvent' as const),
    head: ref,
    safe: ref,
    finalized: ref,
    checked: fc.array(fc.record({ block: ref, deltaHash: hash, level })),
  }),
  fc.record({ kind: fc.constant('headEvent' as const), head: ref, checked: fc.constant([]) }),
  fc.record({
    kind: fc.constant('beat' as const),
    phase: fc.constantFrom(
      'syncing' as const,
      'serving' as const,
      'maintaining' as const,
      'draining' as const,
    ),
    head: ref,
    client: fc.record(
      { id: fc.string(), version: fc.string(), enode: fc.string({ minLength: 1 }) },
      { requiredKeys: ['id', 'version'] },
    ),
  }),
  fc.record({
    kind: fc.constant('maintenanceLease' as const),
    lease: fc.bigInt(0n, 2n ** 64n - 1n),
    client: fc.string(),
    reason: fc.string(),
    others: fc.nat(9),
    alarmAfterMs: fc.nat(),
    override: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('maintenanceRelease' as const), lease: fc.bigInt(0n, 2n ** 64n - 1n) }),
)
const record: fc.Arbitrary<FeedRecord> = fc.record({
  cluster: fc.string(),
  producer: fc.string(),
  epoch: fc.nat(),
  incarnation: fc.bigInt(0n, 2n ** 64n - 1n),
  sequence: fc.nat(),
  body,
})

test('every record survives its encoding', () => {
  fc.assert(
    fc.property(record, (value) =>
      assert.deepEqual(decodeRecord(encodeRecord(value)), structuredClone(value)),
    ),
  )
})

test('a newer schema and an unknown kind are refused by name, rubbish as malformed', () => {
  const code = (act: () => unknown): string => {
    try {
      act()
    } catch (thrown) {
      return (thrown as Fault).code
    }
    return 'nothing was thrown'
  }
  const made = (fields: object) =>
    toBinary(RecordSchema, create(RecordSchema, { schema: 1, kind: 'beat', ...fields }))
  assert.equal(
    code(() => decodeRecord(made({ schema: 2 }))),
    'wire/newer-schema',
  )
  assert.equal(
    code(() => decodeRecord(made({ kind: 'fence' }))),
    'wire/unknown-kind',
  )
  assert.equal(
    code(() => decodeRecord(made({}))),
    'wire/malformed',
  )
  assert.equal(
    code(() => decodeRecord(Uint8Array.of(255, 255, 255))),
    'wire/malformed',
  )
})
