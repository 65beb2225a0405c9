/** P8, atomic: every part of one answer is read at one block, the one that its headers name; its marks are on that block's chain. */
import { placed } from './exact.ts'
import type { Checker, CheckerParts } from './checker.ts'

export function createAtomicChecker({ world }: CheckerParts): Checker {
  return {
    answered({ exchange, items, block }) {
      const torn = (what: string): void =>
        world.violate(
          'P8',
          `${exchange.user} got a batch at block ${block.number} ${block.hash} in which ${what}`,
        )
      for (const [i, question] of exchange.questions.entries()) {
        const item = items[i]
        if (item === undefined || 'error' in item || item.result === null) continue
        if (question.kind === 'blockNumber' && Number(item.result) !== block.number)
          torn(`eth_blockNumber is ${Number(item.result)}`)
        if (question.kind !== 'latest' && question.kind !== 'mark') continue
        const { number, hash } = item.result as { number: string; hash: string }
        if (question.kind === 'latest' && hash !== block.hash)
          torn(`latest is block ${Number(number)} ${hash}`)
        if (question.kind === 'mark' && placed({ hash }, block) === undefined)
          torn(`${question.tag} is block ${Number(number)} ${hash}, which is not on its chain`)
      }
    },
  }
}
