/**
 * P4, never invented: what exists at the bound block is not called absent, and a block that was shown stays known until it is reorganised
 * away. What is not known is refused with a code that is tried again, or with geth's own error, never with an invented value.
 */
import type { BuiltBlock } from '#sim/client/block-builder.ts'
import { RETRIED, type Item, type Question } from '#sim/user/exchange.ts'
import { toHex } from '#kernel/bytes.ts'
import type { Checker, CheckerParts } from './checker.ts'
import { placed } from './exact.ts'

export function createNeverInventedChecker({ world, cluster }: CheckerParts): Checker {
  return {
    answered({ exchange, items, block }) {
      for (const [i, question] of exchange.questions.entries()) {
        const why = invented(question, items[i] as Item, block, cluster.horizonBlocks)
        if (why !== undefined)
          world.violate(
            'P4',
            `${exchange.user} asked at block ${block.number} ${block.hash} for ${JSON.stringify(question)}: ${why}`,
          )
      }
    },
  }
}

function invented(
  question: Question,
  item: Item,
  bound: BuiltBlock,
  horizonBlocks: number,
): string | undefined {
  if ('error' in item) {
    if (RETRIED.includes(item.error.code)) return undefined
    return mayBeRefused(question, bound, horizonBlocks)
      ? undefined
      : `refused with ${item.error.code} ${item.error.message}`
  }
  const wanted = blockWanted(question, bound)
  if (wanted === undefined) return undefined
  const { hash, blockHash = hash } = (item.result ?? {}) as { hash?: string; blockHash?: string | null }
  if (wanted === 'none') {
    // A transaction that waits has no block yet.
    const isNothing = item.result === null || (question.kind === 'transaction' && blockHash === null)
    return isNothing ? undefined : `it is in block ${blockHash}, which is not on its chain`
  }
  if (item.result === null) return `null for what is in block ${wanted.number} of its chain`
  return blockHash === wanted.hash ? undefined : `it is block ${blockHash}, and should be ${wanted.hash}`
}

/** The block that the answer should be of or in; undefined where this is another checker's matter. */
function blockWanted(question: Question, bound: BuiltBlock): BuiltBlock | 'none' | undefined {
  switch (question.kind) {
    case 'byHash':
      return placed({ hash: question.hash }, bound)
    case 'byNumber':
      return placed(question.number, bound)
    case 'receipt':
    case 'transaction':
      return including(question.transaction, bound) ?? 'none'
    default:
      return undefined
  }
}

/** The block of this chain that has the transaction. */
function including(transaction: string, bound: BuiltBlock): BuiltBlock | undefined {
  for (let at: BuiltBlock | undefined = bound; at !== undefined; at = at.parent)
    if (at.block.transactions.some(({ hash }) => toHex(hash) === transaction)) return at
  return undefined
}

/** What is not on the chain of the bound block, not final yet, or state below the horizon (where no master's client can be asked), may be refused by name. */
function mayBeRefused(question: Question, bound: BuiltBlock, horizonBlocks: number): boolean {
  switch (question.kind) {
    case 'balance':
    case 'nonce':
    case 'slot':
    case 'proof': {
      const at = placed(question.place, bound)
      return at === undefined || at.number < bound.number - horizonBlocks
    }
    case 'logs':
      return placed({ hash: question.hash }, bound) === undefined
    case 'mark':
    case 'pending':
      return true
    default:
      return false
  }
}
