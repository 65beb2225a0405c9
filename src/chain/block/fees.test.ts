import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { faultCode } from '#kernel/fault.ts'
import { blobBaseFee, fakeExponential, nextBaseFee, nextExcessBlobGas } from './fees.ts'
import type { Header } from '#chain/header/header.ts'
import type { BlobParameters, Rules } from '#chain/fork/rules.ts'

const parent = (fields: Partial<Header>): Header => fields as Header
const osaka: BlobParameters = { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n }
const rules = (fork: Rules['fork']): Rules => ({ chainId: 1n, fork })

test('the approximation of the exponential is that of EIP-4844, rounding and all', () => {
  const cases = [
    [1n, 0n, 1n, 1n], [38493n, 0n, 1000n, 38493n], [0n, 1234n, 2345n, 0n], [1n, 2n, 1n, 6n], [1n, 4n, 2n, 6n], [1n, 3n, 1n, 16n],
    [1n, 6n, 2n, 18n], [1n, 4n, 1n, 49n], [1n, 8n, 2n, 50n], [10n, 8n, 2n, 542n], [11n, 8n, 2n, 596n], [1n, 5n, 1n, 136n],
    [1n, 5n, 2n, 11n], [2n, 5n, 2n, 23n], [1n, 50_000_000n, 2_225_652n, 5_709_098_764n],
  ] as const // biome-ignore format: one table
  for (const [factor, numerator, denominator, result] of cases) {
    assert.equal(fakeExponential(factor, numerator, denominator), result)
  }
})

test('a blob costs at least 1 wei per gas, and an excess that no chain can reach is refused', () => {
  assert.equal(blobBaseFee(0n, osaka), 1n)
  assert.throws(
    () => blobBaseFee(2n ** 63n, osaka),
    (thrown) => faultCode(thrown) === 'chain/malformed',
  )
})

test('the base fee moves by at most an eighth, up by at least 1 (EIP-1559)', () => {
  const of = (gasUsed: bigint, baseFeePerGas = 1_000_000_000n): bigint =>
    nextBaseFee(parent({ gasLimit: 20_000_000n, gasUsed, baseFeePerGas }))
  assert.equal(of(10_000_000n), 1_000_000_000n)
  assert.equal(of(9_000_000n), 987_500_000n)
  assert.equal(of(11_000_000n), 1_012_500_000n)
  assert.equal(of(20_000_000n), 1_125_000_000n)
  assert.equal(of(0n), 875_000_000n)
  assert.equal(of(10_000_001n, 7n), 8n)
  assert.equal(nextBaseFee(parent({ gasLimit: 8_000_000n, gasUsed: 1n })), 1_000_000_000n)
})

test('excess blob gas is what was used above the target', () => {
  const next = (excess: bigint, blobs: bigint): bigint =>
    nextExcessBlobGas(
      parent({ excessBlobGas: excess, blobGasUsed: blobs * 131_072n }),
      rules('prague'),
      osaka,
    )
  assert.equal(next(0n, 6n), 0n)
  assert.equal(next(0n, 8n), 262_144n)
  assert.equal(next(131_072n, 4n), 0n)
  assert.equal(next(1_310_720n, 5n), 1_179_648n)
})

test('from Osaka on it does not fall where execution costs more than blobs (EIP-7918)', () => {
  const next = (baseFeePerGas: bigint): bigint =>
    nextExcessBlobGas(
      parent({ excessBlobGas: 1_310_720n, blobGasUsed: 3n * 131_072n, baseFeePerGas }),
      rules('osaka'),
      osaka,
    )
  assert.equal(next(16n), 1_310_720n + 3n * 131_072n - 6n * 131_072n)
  assert.equal(next(17n), 1_310_720n + (3n * 131_072n * 3n) / 9n)
})
