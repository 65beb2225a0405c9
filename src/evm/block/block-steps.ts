/**
 * A block step by step, each transaction a session of its own on what those before it have made: for receipts that hold the state root
 * after each transaction (before Byzantium), and for what is done to state outside of any transaction (the DAO fork).
 */
import { makeDelta } from '#chain/delta/delta-builder.ts'
import type { Delta } from '#chain/delta/delta.ts'
import type { Block } from '#chain/block/frame.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import { StagedState } from '#chain/delta/staged-state.ts'
import type { StateView } from '#chain/state-view.ts'
import type { TrieReader } from '#chain/trie/rows.ts'
import { stagedRows, updateStateTrie } from '#chain/trie/state-trie.ts'
import { threadEvm } from '#core/evm.ts'
import { deltaFrom } from './block-changes.ts'
import { creditBlock } from './block-credits.ts'
import { transact } from './block-transaction.ts'
import { daoTransition } from './dao-fork.ts'
import { environmentOf } from '#evm/environment.ts'
import type { Failure } from './system-calls.ts'

/** What a block has done. */
export interface Run {
  readonly receipts: readonly Receipt[]
  /** EIP-7685: type ‖ data each, in the order of their types; undefined before Prague. */
  readonly requests: readonly Uint8Array[] | undefined
  readonly delta: Delta
  readonly gasUsed: bigint
  /** RLP of its access list (EIP-7928), from Amsterdam on. */
  readonly accessList?: Uint8Array
}

export function needsSteps(rules: Rules): boolean {
  return !isActive(rules, 'byzantium') || rules.isDaoFork === true
}

/** @param trie the rows of the parent's state trie, without which no receipt before Byzantium can be made */
export function runInSteps(
  block: Block,
  rules: Rules,
  view: StateView,
  trie: TrieReader | undefined,
): Failure | Run {
  const hasRoots = !isActive(rules, 'byzantium')
  if (hasRoots && trie === undefined)
    return {
      reason: 'receipts before Byzantium hold state roots, which need a store with a state trie (--trie)',
    }
  const state = new StagedState(view)
  const rows = stagedRows(trie ?? { get: () => undefined })
  let root: Uint8Array | undefined
  const take = (delta: Delta): void => {
    state.apply(delta)
    if (hasRoots) root = updateStateTrie(rows, delta, state)
  }
  if (rules.isDaoFork === true)
    take(makeDelta({ accounts: daoTransition(state, rules), slots: [], cleared: [], codes: [] }))

  const evm = threadEvm()
  evm.bind(state, environmentOf(block.header, rules, 'transaction'))
  const step = (run: () => Failure | undefined): Failure | undefined => {
    evm.begin()
    const failure = run()
    if (failure === undefined) take(deltaFrom(evm.finish(), state, rules))
    else evm.abandon()
    return failure
  }
  const receipts: Receipt[] = []
  for (const [i] of block.transactions.entries()) {
    const failure = step(() => transact(evm, block, i, { receipts, gas: { regular: 0n, state: 0n } }, rules))
    if (failure !== undefined) return failure
    if (root !== undefined) receipts.push({ ...(receipts.pop() as Receipt), outcome: { stateRoot: root } })
  }
  return (
    step(() => creditBlock(evm, block, rules)) ?? {
      receipts,
      requests: undefined,
      delta: state.net(),
      gasUsed: receipts.at(-1)?.cumulativeGasUsed ?? 0n,
    }
  )
}
