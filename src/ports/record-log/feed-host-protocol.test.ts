import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decodeFromHost, decodeToHost, encodeFromHost, encodeToHost } from './feed-host-protocol.ts'

const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(fields, { noNullPrototype: true })
const id = fc.nat({ max: 0xffff_ffff })
const place = fc.maxSafeNat()
const bytes = fc.uint8Array({ maxLength: 300 })
const toHost = fc.oneof(
  record({ kind: fc.constant('append' as const), id, records: fc.array(bytes, { maxLength: 5 }) }),
  record({ kind: fc.constant('read' as const), id, from: place, maxBytes: id }),
  record({ kind: fc.constantFrom('bounds' as const, 'stopTail' as const, 'segments' as const), id }),
  record({ kind: fc.constant('tail' as const), id, from: place }),
  record({ kind: fc.constant('acknowledge' as const), id, bytes: id }),
  record({ kind: fc.constant('trim' as const), id, before: place }),
  record({ kind: fc.constant('hello' as const), id, version: id }),
)
const segment = record({
  ...{ first: place, next: place, bytes: place },
  begunMs: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
})
const fromHost = fc.oneof(
  record({ kind: fc.constant('welcome' as const), id, version: id, identity: fc.string() }),
  record({ kind: fc.constant('appended' as const), id, positions: fc.array(place, { maxLength: 5 }) }),
  record({
    kind: fc.constant('records' as const),
    id,
    records: fc.array(record({ position: place, bytes }), { maxLength: 5 }),
  }),
  record({ kind: fc.constant('bounds' as const), id, first: place, next: place }),
  record({ kind: fc.constant('segments' as const), id, segments: fc.array(segment, { maxLength: 5 }) }),
  record({ kind: fc.constant('failed' as const), id, code: fc.string(), message: fc.string() }),
)

test('what a feed host and its clients say is read as it was said, and a message that ends early is refused', () => {
  fc.assert(
    fc.property(toHost, (message) => {
      const encoded = encodeToHost(message)
      assert.deepEqual(decodeToHost(encoded), message)
      assert.throws(() => decodeToHost(encoded.subarray(0, -1)), { code: 'feed/protocol' })
    }),
  )
  fc.assert(
    fc.property(fromHost, (message) => {
      const encoded = encodeFromHost(message)
      assert.deepEqual(decodeFromHost(encoded), message)
      assert.throws(() => decodeFromHost(encoded.subarray(0, -1)), { code: 'feed/protocol' })
    }),
  )
})
