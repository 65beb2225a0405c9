/** Which vectors a block mixes, and the block that they make together. */
import type { Prng } from '#kernel/prng.ts'
import type { Hex, Withdrawal } from '#test/geth/devnet.ts'
import type { Part } from './vectors.ts'

const PARTS_MAX = 6

/** What is said first must be first: it knows the state that the block is built on. */
export function mixture(names: readonly string[], prng: Prng): string[] {
  const chosen = new Set<string>()
  for (let left = prng.between(1, PARTS_MAX); left > 0; left--) chosen.add(prng.pick(names))
  const order = [...chosen]
  const first = order.findIndex((name) => name.startsWith('created, destroyed in a reverted frame, then'))
  if (first > 0) order.unshift(...order.splice(first, 1))
  return order
}

export function together(parts: readonly Part[]): {
  txs: Hex[]
  withdrawals: Withdrawal[]
  feeRecipient?: Hex
} {
  const feeRecipient = parts.find((part) => part.feeRecipient !== undefined)?.feeRecipient
  return {
    txs: parts.flatMap(({ txs }) => txs),
    withdrawals: parts.flatMap(({ withdrawals }) => withdrawals ?? []),
    ...(feeRecipient === undefined ? {} : { feeRecipient }),
  }
}
