/**
 * A master's client may be ahead of the served head, or on another branch: it then knows a transaction's block that nobody has been told
 * of. Shown to a user, that would be a block which the next answer denies (P3, P4), so such an answer is fitted to the served head: there
 * the transaction is on its way, and has no receipt.
 */
import type { HeadContext } from '#rpc/answer.ts'
import type { Forwarded } from './forward.ts'

/** A replica that does not find one of these has looked in its blocks only: without a master nobody can say that it does not exist. */
const UNKNOWABLE: ReadonlySet<string> = new Set(['eth_getTransactionByHash', 'eth_getRawTransactionByHash'])

export function isUnknowable(method: string): boolean {
  return UNKNOWABLE.has(method)
}

/** The answer as it is true at `head`; undefined where at that head the replica's own word holds. */
export function atServedHead(method: string, answer: Forwarded, head: HeadContext): Forwarded | undefined {
  if (answer.kind === 'error') return answer
  if (method === 'eth_getTransactionReceipt') return isAbove(answer, head) ? undefined : answer
  // A replica that asks for this one has every block of the chain up to the served head, and it is in none of them.
  if (method !== 'eth_getTransactionByHash' || !isInBlock(answer)) return answer
  return { kind: 'result', json: JSON.stringify(pending(JSON.parse(answer.json) as Record<string, unknown>)) }
}

function isAbove(answer: Forwarded, head: HeadContext): boolean {
  const { blockNumber } = (JSON.parse(answer.json) ?? {}) as { blockNumber?: unknown }
  return typeof blockNumber === 'string' && Number(blockNumber) > head.head.number
}

function isInBlock(answer: Forwarded): boolean {
  const { blockHash } = (JSON.parse(answer.json) ?? {}) as { blockHash?: unknown }
  return typeof blockHash === 'string'
}

/** As geth shows a transaction that no block has: without place, and with the price that it offers. */
function pending(transaction: Record<string, unknown>): Record<string, unknown> {
  const { blockTimestamp: _, ...rest } = transaction
  const gasPrice = rest['maxFeePerGas'] ?? rest['gasPrice']
  return { ...rest, blockHash: null, blockNumber: null, transactionIndex: null, gasPrice }
}
