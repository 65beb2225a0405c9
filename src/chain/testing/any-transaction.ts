/** Transactions of every type, with fields of any size that their encoding allows: for properties. */
import fc from 'fast-check'
import type { Unencoded } from '#chain/transaction/transaction-rlp.ts'

const uint = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n })
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const legacyV = fc.oneof(
  fc.constantFrom(27n, 28n),
  uint(60).map((n) => n + 35n),
)
const parity = fc.constantFrom(0n, 1n)

const common = {
  nonce: uint(64),
  gasLimit: uint(64),
  value: uint(256),
  data: fc.uint8Array({ maxLength: 90 }),
  r: uint(256),
  s: uint(256),
}
/** With a prototype, as what is decoded has. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>
const optionalTo = fc.option(record({ to: bytes(20) }), { nil: {} })
const to = record({ to: bytes(20) })
const accessList = fc.array(
  record({ address: bytes(20), storageKeys: fc.array(bytes(32), { maxLength: 3 }) }),
  { maxLength: 3 },
)
const fees = {
  maxPriorityFeePerGas: uint(256),
  maxFeePerGas: uint(256),
  accessList,
  chainId: uint(256),
  v: parity,
}
const authorization = record({
  chainId: uint(256), address: bytes(20), nonce: uint(64), yParity: fc.nat(255), r: uint(256), s: uint(256),
}) // biome-ignore format: one table

const withTo = (fields: fc.Arbitrary<object>, recipient: fc.Arbitrary<object>): fc.Arbitrary<Unencoded> =>
  fc.tuple(fields, recipient).map(([a, b]) => ({ ...a, ...b }) as Unencoded)

export const anyTransaction: fc.Arbitrary<Unencoded> = fc.oneof(
  withTo(record({ type: fc.constant(0), ...common, gasPrice: uint(256), v: legacyV }), optionalTo).map((t) =>
    t.v >= 35n ? ({ ...t, chainId: (t.v - 35n) / 2n } as Unencoded) : t,
  ),
  withTo(record({ type: fc.constant(1), ...common, gasPrice: uint(256), accessList, chainId: uint(256), v: parity }), optionalTo),
  withTo(record({ type: fc.constant(2), ...common, ...fees }), optionalTo),
  withTo(
    record({
      type: fc.constant(3), ...common, ...fees, maxFeePerBlobGas: uint(256), blobVersionedHashes: fc.array(bytes(32), { maxLength: 3 }),
    }),
    to,
  ),
  withTo(
    record({ type: fc.constant(4), ...common, ...fees, authorizationList: fc.array(authorization, { maxLength: 2 }) }),
    to,
  ),
) // biome-ignore format: long rows
