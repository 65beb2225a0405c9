/** All checkers as one: hands each what it asked for, and binds answers to the block that their headers name. */
import type { Genesis } from '#chain/fork/genesis.ts'
import { createAtomicChecker } from '#sim/checker/atomic.ts'
import { createBoundedChecker } from '#sim/checker/bounded.ts'
import type { Checker, CheckerParts } from '#sim/checker/checker.ts'
import { decide } from '#sim/checker/decisions.ts'
import { createExactChecker } from '#sim/checker/exact.ts'
import { createNeverInventedChecker } from '#sim/checker/never-invented.ts'
import { createNothingLostChecker } from '#sim/checker/nothing-lost.ts'
import { createOneHeadChecker } from '#sim/checker/one-head.ts'
import { createProvenChecker } from '#sim/checker/proven.ts'
import { createPublishedOnceChecker } from '#sim/checker/published-once.ts'
import { ancestorAt } from '#sim/client/consensus.ts'
import { stored } from '#sim/storage/stored.ts'
import { type Exchange, RETRIED } from '#sim/user/exchange.ts'
import { openStore } from '#state/open-store.ts'

export interface Checkers {
  told(exchange: Exchange): void
  sampled(): void
  ended(): void
  /** Something of what was done is still on its way to its end. */
  isAnythingLeft(): boolean
  /** From now on an answer that says "try again" is one too few. */
  wantAnswers(): void
  answers(): number
}

export function createCheckers(parts: CheckerParts, genesis: Genesis): Checkers {
  const { world, consensus, cluster } = parts
  const checkers: readonly Checker[] = [
    createAtomicChecker(parts),
    createOneHeadChecker(parts),
    createExactChecker(parts),
    createProvenChecker(parts),
    createNeverInventedChecker(parts),
    createNothingLostChecker(parts, genesis),
    createPublishedOnceChecker(parts),
    createBoundedChecker(parts),
  ]
  for (const { process, disk } of cluster.replicas) {
    const store = openStore(disk.kv, { compress: stored })
    let isMade = false
    disk.onCommit(() => {
      isMade ||= store.identity() !== undefined
      if (!isMade) return
      const snapshot = store.snapshot()
      // What nobody may be served is nobody's to judge.
      const isServed = snapshot.position > 0 && snapshot.catchingUpTo === undefined
      if (isServed) for (const checker of checkers) checker.committed?.(process.name, snapshot)
      snapshot.release()
    })
  }
  let answers = 0
  let wantedFromMs = Number.POSITIVE_INFINITY
  return {
    told(exchange) {
      const { outcome } = exchange
      if (exchange.sentMs >= wantedFromMs && !exchange.isInBurst) refuseSilence(exchange, world.violate)
      if (outcome.kind !== 'answered' || outcome.head === undefined) return
      const block = consensus.block(outcome.head.hash)
      if (block === undefined || block.number !== outcome.head.number)
        return world.violate('P1', `${exchange.user} was answered at a block that nobody built`)
      answers++
      for (const checker of checkers) checker.answered?.({ exchange, items: outcome.items, block })
    },
    sampled() {
      for (const checker of checkers) checker.sampled?.()
    },
    ended() {
      const decisions = decide(
        cluster.watch.records(),
        consensus.block,
        ancestorAt(consensus.canonical().head, 0) as never,
      )
      for (const checker of checkers) checker.ended?.(decisions)
    },
    isAnythingLeft: () => checkers.some((checker) => checker.left?.() !== undefined),
    wantAnswers() {
      wantedFromMs = world.scheduler.nowMs()
    },
    answers: () => answers,
  }
}

function refuseSilence({ user, outcome }: Exchange, violate: CheckerParts['world']['violate']): void {
  if (outcome.kind === 'failed')
    return violate('live', `${user} gets no answer from a healed cluster: ${outcome.why}`)
  const retry = outcome.items.find((item) => 'error' in item && RETRIED.includes(item.error.code))
  if (retry !== undefined) violate('live', `${user} is refused by a healed cluster: ${JSON.stringify(retry)}`)
}
