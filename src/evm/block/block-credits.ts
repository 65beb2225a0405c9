/** What a block adds to balances after its transactions: withdrawals, or the rewards of proof of work. */
import type { Address } from '#chain/block/block-ref.ts'
import type { Block } from '#chain/block/frame.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import type { Evm } from '#core/evm.ts'
import { toHex } from '#kernel/bytes.ts'
import { type Failure, failureOf } from './system-calls.ts'

const GWEI = 1_000_000_000n
const ETHER = 10n ** 18n

/**
 * Each account once: the list of accesses (EIP-7928) has one change of an account at an index, and revm's forgets it where a later credit
 * there is of nothing. A credit of nothing would create nothing (EIP-161), so it is left out before Amsterdam, which lists the account as
 * touched (EIP-7928).
 */
export function creditBlock(evm: Evm, block: Block, rules: Rules): Failure | undefined {
  const credits = isActive(rules, 'merge') ? withdrawals(block) : rewards(block, rules)
  for (const { address, wei } of byAccount(credits)) {
    if (wei === 0n && !isActive(rules, 'amsterdam')) continue
    const outcome = evm.credit(address, wei)
    if (outcome !== 'credited') return failureOf('a withdrawal or reward', outcome)
  }
  return undefined
}

interface Credit {
  readonly address: Address
  readonly wei: bigint
}

function byAccount(credits: readonly Credit[]): Iterable<Credit> {
  const sums = new Map<string, Credit>()
  for (const { address, wei } of credits) {
    const key = toHex(address)
    sums.set(key, { address, wei: wei + (sums.get(key)?.wei ?? 0n) })
  }
  return sums.values()
}

/** EIP-4895. */
function withdrawals({ withdrawals: list = [] }: Block): Credit[] {
  return list.map(({ address, amount }) => ({ address, wei: amount * GWEI }))
}

/** Proof of work: Yellow Paper §11.3, EIP-649, EIP-1234. */
function rewards({ header, ommers }: Block, rules: Rules): Credit[] {
  const reward = ETHER * (isActive(rules, 'constantinople') ? 2n : isActive(rules, 'byzantium') ? 3n : 5n)
  return [
    { address: header.beneficiary, wei: reward + (reward / 32n) * BigInt(ommers.length) },
    ...ommers.map((ommer) => ({
      address: ommer.beneficiary,
      wei: (reward * BigInt(8 - (header.number - ommer.number))) / 8n,
    })),
  ]
}
