/**
 * P1, exact: what a replica holds at a block, and what it answers about one, is what the block's own transactions made: balances, nonces and
 * slots by the plain model, receipts and logs as the builder's. Every commit is looked at, and at the end every block that is kept.
 */
import { bigintFrom, fromHex, toHex } from '#kernel/bytes.ts'
import { ACCOUNT_BYTES, Lookup, type StateView } from '#chain/state-view.ts'
import type { BuiltBlock } from '#sim/client/block-builder.ts'
import { ancestorAt } from '#sim/client/consensus.ts'
import { notebook } from '#sim/client/genesis.ts'
import { type Model, slotOf } from '#sim/client/model.ts'
import type { Item, Place, Question } from '#sim/user/exchange.ts'
import { openStore } from '#state/open-store.ts'
import { copyLog } from '#state/logs/log-rows.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { stored } from '#sim/storage/stored.ts'
import type { Checker, CheckerParts } from './checker.ts'

const SLOTS_MAX = 6

export function createExactChecker({ world, consensus, cluster }: CheckerParts): Checker {
  const wrong = (what: string): void => world.violate('P1', what)
  const seen = new Map<string, string>()
  return {
    committed(replica, snapshot) {
      if (seen.get(replica) === snapshot.heads.head.hash) return
      seen.set(replica, snapshot.heads.head.hash)
      const head = consensus.block(snapshot.heads.head.hash)
      if (head === undefined) return wrong(`${replica} stands at a block that nobody built`)
      const difference = stateDifference(snapshot.stateAt(head.number), head.model)
      if (difference !== undefined) wrong(`${replica} at block ${head.number}: ${difference}`)
    },
    answered({ exchange, items, block }) {
      for (const [i, question] of exchange.questions.entries()) {
        const difference = answerDifference(question, items[i] as Item, block, consensus.block)
        if (difference !== undefined)
          wrong(`${exchange.user} was told of block ${block.number}: ${difference}`)
      }
    },
    ended() {
      for (const { process, disk } of cluster.replicas) {
        const snapshot = openStore(disk.kv, { compress: stored }).snapshot()
        const difference =
          chainDifference(snapshot, consensus.canonical().head) ??
          historyDifference(snapshot, cluster.horizonBlocks)
        snapshot.release()
        if (difference !== undefined) wrong(`${process.name}: ${difference}`)
      }
    },
  }
}

/** Everything that is kept of the chain. */
function chainDifference(snapshot: Snapshot, head: BuiltBlock): string | undefined {
  for (let at: BuiltBlock | undefined = head; at !== undefined && at.number > 0; at = at.parent) {
    if (snapshot.hashAt(at.number) !== at.hash) return `block ${at.number} is another one`
    const receipts = snapshot.receipts(at.number) ?? []
    if (receipts.length !== at.receipts.length) return `block ${at.number} has ${receipts.length} receipts`
    for (const [i, receipt] of at.receipts.entries()) {
      const there = receipts[i]
      if (there?.cumulativeGasUsed !== receipt.cumulativeGasUsed || there.logs.length !== receipt.logs.length)
        return `receipt ${i} of block ${at.number} differs`
    }
    const logs: string[] = []
    snapshot.logs(at.number, (log) => logs.push(logText(copyLog(log))) > 0)
    const expected = at.receipts.flatMap((receipt) => receipt.logs.map(logText))
    if (logs.join() !== expected.join()) return `the logs of block ${at.number} differ`
    if (at.number < snapshot.historyFrom) continue
    const difference = stateDifference(snapshot.stateAt(at.number), at.model)
    if (difference !== undefined) return `at block ${at.number}: ${difference}`
  }
  return undefined
}

/** Undo and reads reach back to the horizon, and to what is not final yet. */
function historyDifference({ heads, historyFrom }: Snapshot, horizonBlocks: number): string | undefined {
  const wanted = Math.max(0, Math.min(heads.head.number - horizonBlocks, heads.finalized.number))
  if (historyFrom <= wanted) return undefined
  return `history is kept from block ${historyFrom} on, and should be from ${wanted} on, at head ${heads.head.number}`
}

function logText({
  topics,
  data,
}: {
  readonly topics: readonly Uint8Array[]
  readonly data: Uint8Array
}): string {
  return [...topics, data].map((bytes) => toHex(bytes)).join(':')
}

const account = new Uint8Array(ACCOUNT_BYTES)
const word = new Uint8Array(32)

function stateDifference(view: StateView, model: Model): string | undefined {
  for (const [address, balance] of model.balances) {
    const found = view.account(fromHex(address), account)
    const has = found === Lookup.found ? bigintFrom(account.subarray(8, 40)) : 0n
    if (has !== balance) return `the balance of ${address} is ${has}, and should be ${balance}`
    const nonce = found === Lookup.found ? Number(bigintFrom(account.subarray(0, 8))) : 0
    const wanted = model.nonces.get(address) ?? 0
    if (nonce !== wanted) return `the nonce of ${address} is ${nonce}, and should be ${wanted}`
  }
  for (let slot = 1; slot <= SLOTS_MAX; slot++) {
    view.slot(notebook, slotOf(slot), word)
    const wanted = model.slots.get(slot) ?? 0n
    if (bigintFrom(word) !== wanted) return `slot ${slot} is ${bigintFrom(word)}, and should be ${wanted}`
  }
  return undefined
}

/** The value that an answer should have; what is not answered at all is another checker's. */
function answerDifference(
  question: Question,
  item: Item,
  bound: BuiltBlock,
  find: CheckerParts['consensus']['block'],
): string | undefined {
  if ('error' in item || item.result === null) return undefined
  switch (question.kind) {
    case 'balance':
    case 'nonce':
    case 'slot': {
      // State at a hash is the same whatever is served: also beside the chain.
      const { place } = question
      const at = typeof place === 'object' ? find(place.hash) : placed(place, bound)
      if (at === undefined) return undefined
      const wanted = valueOf(question, at.model)
      return BigInt(String(item.result)) === wanted
        ? undefined
        : `${question.kind} at ${JSON.stringify(question.place)} is ${String(item.result)}, and should be ${wanted}`
    }
    case 'logs':
      return logsDifference(item.result, find(question.hash))
    default:
      return undefined
  }
}

function valueOf(question: Extract<Question, { kind: 'balance' | 'nonce' | 'slot' }>, model: Model): bigint {
  if (question.kind === 'slot') return model.slots.get(question.slot) ?? 0n
  if (question.kind === 'nonce') return BigInt(model.nonces.get(question.address) ?? 0)
  return model.balances.get(question.address) ?? 0n
}

/** The block that a place means in the view of `bound`; undefined where it is not on its chain. */
export function placed(place: Place, bound: BuiltBlock): BuiltBlock | undefined {
  if (place === 'latest') return bound
  if (typeof place === 'number') return ancestorAt(bound, place)
  for (let at: BuiltBlock | undefined = bound; at !== undefined; at = at.parent)
    if (at.hash === place.hash) return at
  return undefined
}

function logsDifference(result: unknown, block: BuiltBlock | undefined): string | undefined {
  if (block === undefined || !Array.isArray(result)) return undefined
  const logs = (result as { topics: string[]; data: string }[]).map(({ topics, data }) =>
    [...topics, data].join(':'),
  )
  const wanted = block.receipts.flatMap((receipt) => receipt.logs.map(logText))
  return logs.join() === wanted.join() ? undefined : `the logs of block ${block.number} differ`
}
