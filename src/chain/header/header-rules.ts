/**
 * What a header must be because of its parent and the rules (Yellow Paper §4.4.4 and the EIPs named): for chains that nobody else has
 * validated. Not checked are seals, the difficulty of proof of work, and what commits to the block's own content.
 */
import { toHex } from '#kernel/bytes.ts'
import { nextBaseFee, nextExcessBlobGas } from '#chain/block/fees.ts'
import type { Header } from './header.ts'
import { ommersHash } from '#chain/block/roots.ts'
import { type Fork, isActive, type Rules } from '#chain/fork/rules.ts'
import type { Difference } from '#chain/block/verify-block.ts'

const EXTRA_BYTES_MAX = 32
const GAS_LIMIT_MIN = 5_000n
const GAS_LIMIT_DIVISOR = 1_024n
/** EIP-1559: the first block under it has twice its parent's. */
const ELASTICITY = 2n

/** Fields that are there from a fork on, and not before. */
const SINCE: readonly (readonly [field: keyof Header, fork: Fork])[] = [
  ['baseFeePerGas', 'london'],
  ['withdrawalsRoot', 'shanghai'],
  ['blobGasUsed', 'cancun'],
  ['excessBlobGas', 'cancun'],
  ['parentBeaconBlockRoot', 'cancun'],
  ['requestsHash', 'prague'],
  ['blockAccessListHash', 'amsterdam'],
  ['slotNumber', 'amsterdam'],
]

/** The first field that breaks a rule, what it should be, and what it is. */
export function headerDifference(header: Header, parent: Header, rules: Rules): Difference | undefined {
  return (
    differs('parentHash', parent.hash, header.parentHash) ??
    differs('number', parent.number + 1, header.number) ??
    (header.timestamp > parent.timestamp
      ? undefined
      : differs('timestamp', `above ${parent.timestamp}`, header.timestamp)) ??
    (header.extraData.length <= EXTRA_BYTES_MAX
      ? undefined
      : differs('extraData', `at most ${EXTRA_BYTES_MAX} bytes`, `${header.extraData.length} bytes`)) ??
    fieldDifference(header, rules) ??
    gasLimitDifference(header, parent) ??
    (isActive(rules, 'london')
      ? differs('baseFeePerGas', nextBaseFee(parent), header.baseFeePerGas)
      : undefined) ??
    (rules.blob &&
      differs('excessBlobGas', nextExcessBlobGas(parent, rules, rules.blob), header.excessBlobGas)) ??
    (isActive(rules, 'merge') ? mergedDifference(header) : undefined)
  )
}

function fieldDifference(header: Header, rules: Rules): Difference | undefined {
  for (const [field, fork] of SINCE) {
    const isThere = header[field] !== undefined
    if (isThere === isActive(rules, fork)) continue
    return differs(
      field,
      isThere ? `absent before ${fork}` : `there from ${fork} on`,
      isThere ? 'there' : 'absent',
    )
  }
  return undefined
}

function gasLimitDifference({ gasLimit, baseFeePerGas }: Header, parent: Header): Difference | undefined {
  const isFirst = baseFeePerGas !== undefined && parent.baseFeePerGas === undefined
  const before = isFirst ? parent.gasLimit * ELASTICITY : parent.gasLimit
  const step = before / GAS_LIMIT_DIVISOR
  const apart = gasLimit > before ? gasLimit - before : before - gasLimit
  if (gasLimit >= GAS_LIMIT_MIN && apart < step) return undefined
  return differs('gasLimit', `at least ${GAS_LIMIT_MIN} and less than ${step} from ${before}`, gasLimit)
}

/** EIP-3675. */
function mergedDifference({ difficulty, nonce, ommersHash: ommers }: Header): Difference | undefined {
  return (
    differs('difficulty', 0n, difficulty) ??
    differs('nonce', toHex(new Uint8Array(8)), toHex(nonce)) ??
    differs('ommersHash', toHex(ommersHash([])), toHex(ommers))
  )
}

/** `computed` is what it should be by the rules, as everywhere; `expected` is what the header says. */
function differs(
  field: string,
  computed: string | number | bigint,
  said: string | number | bigint | undefined,
): Difference | undefined {
  return computed === said ? undefined : { field, expected: String(said), computed: String(computed) }
}
