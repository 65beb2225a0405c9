/** Fees that follow from a header: the blob base fee (EIP-4844, 7691, 7892, 7918) and the next base fee (EIP-1559). */
import { Fault } from '#kernel/fault.ts'
import type { Header } from '#chain/header/header.ts'
import { isActive, type BlobParameters, type Rules } from '#chain/fork/rules.ts'
import { GAS_PER_BLOB } from './verify-block.ts'

const MIN_BLOB_BASE_FEE = 1n
/** EIP-7918. */
const BLOB_BASE_COST = 8_192n
const ELASTICITY = 2n
const BASE_FEE_CHANGE_DENOMINATOR = 8n
const INITIAL_BASE_FEE = 1_000_000_000n

/** e^177 is the last power below 2^256: no fee can be there, and the sum takes a step for each. */
const EXPONENT_MAX = 177n

/**
 * EIP-4844's approximation of factor · e^(numerator / denominator).
 * @throws Fault chain/malformed where the result would not fit in 256 bits
 */
export function fakeExponential(factor: bigint, numerator: bigint, denominator: bigint): bigint {
  if (numerator / denominator > EXPONENT_MAX)
    throw new Fault(
      'chain/malformed',
      `no chain can reach an excess of ${numerator} (fraction ${denominator})`,
    )
  let sum = 0n
  let term = factor * denominator
  for (let i = 1n; term > 0n; i++) {
    sum += term
    term = (term * numerator) / (denominator * i)
  }
  return sum / denominator
}

/** Wei per blob gas in a block with this excess. */
export function blobBaseFee(excessBlobGas: bigint, { baseFeeUpdateFraction }: BlobParameters): bigint {
  return fakeExponential(MIN_BLOB_BASE_FEE, excessBlobGas, baseFeeUpdateFraction)
}

/** The excess of the block after `parent`, under the rules of that block. */
export function nextExcessBlobGas(parent: Header, rules: Rules, blob: BlobParameters): bigint {
  const excess = parent.excessBlobGas ?? 0n
  const used = parent.blobGasUsed ?? 0n
  const target = BigInt(blob.target) * GAS_PER_BLOB
  if (excess + used < target) return 0n
  if (
    isActive(rules, 'osaka') &&
    BLOB_BASE_COST * (parent.baseFeePerGas ?? 0n) > GAS_PER_BLOB * blobBaseFee(excess, blob)
  ) {
    return excess + (used * BigInt(blob.max - blob.target)) / BigInt(blob.max)
  }
  return excess + used - target
}

/** EIP-1559: wei per gas of the block after `parent`. */
export function nextBaseFee(parent: Header): bigint {
  const baseFee = parent.baseFeePerGas
  if (baseFee === undefined) return INITIAL_BASE_FEE
  const target = parent.gasLimit / ELASTICITY
  if (parent.gasUsed === target) return baseFee
  if (parent.gasUsed > target) {
    const delta = (baseFee * (parent.gasUsed - target)) / target / BASE_FEE_CHANGE_DENOMINATOR
    return baseFee + (delta > 1n ? delta : 1n)
  }
  const next = baseFee - (baseFee * (target - parent.gasUsed)) / target / BASE_FEE_CHANGE_DENOMINATOR
  return next > 0n ? next : 0n
}
