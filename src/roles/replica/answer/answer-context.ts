/**
 * The view in which one body is answered: one snapshot and one head, for every call of it (P8). Resolves what users write (tags, numbers,
 * hashes) to blocks of that view, and says honestly what is not in it: unknown, not here yet, or known elsewhere.
 */
import { type BlockHash, type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import type { Header } from '#chain/header/header.ts'
import type { ChainConfig, Rules } from '#chain/fork/rules.ts'
import type { StateView } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import type { HeadContext } from '#rpc/answer.ts'
import type { Json } from '#rpc/encode/encode.ts'
import { CODE, failed, type RpcError } from '#rpc/errors.ts'
import type { BlockPlace, Tag } from '#rpc/decode/params.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { type Branch, branchTo } from '#roles/replica/view/beside.ts'
import type { ResultCache } from './result-cache.ts'

export type Otherwise = { readonly result: Json } | { readonly error: RpcError }

/** Thrown by a method: a master's client may know. `otherwise` is the answer where none can be asked. */
export class ForwardWanted extends Error {
  override name = 'ForwardWanted'
  readonly otherwise: Otherwise

  constructor(otherwise: Otherwise) {
    super('a master may know')
    this.otherwise = otherwise
  }
}

/** Below the oldest block that is kept, and geth's word for it (EIP-4444). */
export function prunedHistory(): ForwardWanted {
  return new ForwardWanted({ error: { code: CODE.pruned, message: 'pruned history unavailable' } })
}

/** Thrown by a method: some master announced this block, and it is not served here yet. */
export class NotHereYet extends Error {
  override name = 'NotHereYet'
  readonly number: number

  constructor(number: number) {
    super(`block ${number} is announced but not served yet`)
    this.number = number
  }
}

/** Thrown by a call that has had its time in an answer thread: it is run again aside. */
export class TooHeavy extends Error {
  override name = 'TooHeavy'
}

/** Thrown by a method: the state at this block, which the served head calls safe or final, is gone here; a client calls others so. */
export class MarkGone extends Error {
  override name = 'MarkGone'

  constructor(number: number) {
    super(`the state of block ${number} is not kept here any more, try again`)
  }
}

/** Thrown where a call has run so long that the store has left its head meanwhile. */
export class HeadGone extends Error {
  override name = 'HeadGone'

  constructor({ number, hash }: BlockRef) {
    super(`block ${number} (${hash}) is not held any more`)
  }
}

/** Thrown by a method: the block is beside the chain, and the call is to be run in this view of its branch. */
export class Beside extends Error {
  override name = 'Beside'
  readonly context: AnswerContext

  constructor(context: AnswerContext) {
    super('the block is beside the chain')
    this.context = context
  }
}

export interface AnswerContext {
  readonly snapshot: Snapshot
  readonly head: HeadContext
  readonly announcedNumber: number
  readonly config: ChainConfig
  readonly cache: ResultCache
  /** Gas and time of one call. */
  readonly gasMax: bigint
  readonly timeMaxMs: number
  readonly expired: () => boolean
  /** True when a call has had its time in this thread; undefined where it may run to its end. */
  readonly spent: (() => boolean) | undefined
}

/** A block of the view by its place, or undefined where the view has none and nobody announced it. @throws NotHereYet, ForwardWanted, Beside */
export function findNumber(context: AnswerContext, place: BlockPlace): number | undefined {
  const { head } = context.head
  switch (place.kind) {
    case 'hash': {
      const number = context.snapshot.numberOf(place.hash)
      if (number !== undefined)
        return number <= head.number && number >= context.snapshot.chainFrom ? number : undefined
      const branch = branchTo(place.hash, head, context)
      if (branch === undefined) return undefined
      if (context.spent?.() === true) throw new TooHeavy('a branch of so many blocks')
      if (place.requireCanonical) throw failed('server', 'hash is not currently canonical')
      throw new Beside(inBranch(context, branch))
    }
    case 'number':
      return withinHead(context, place.number)
    case 'tag':
      return tagNumber(context, place.tag)
  }
}

function inBranch(context: AnswerContext, { snapshot, head }: Branch): AnswerContext {
  const { config, cache, gasMax, timeMaxMs, expired, spent, announcedNumber } = context
  return {
    ...{ snapshot, head: { ...context.head, head }, announcedNumber },
    ...{ config, cache, gasMax, timeMaxMs, expired, spent },
  }
}

function withinHead(
  { head: { head }, snapshot, announcedNumber }: AnswerContext,
  number: number,
): number | undefined {
  if (number <= head.number) {
    if (number < snapshot.chainFrom) throw prunedHistory()
    return number
  }
  if (number <= announcedNumber) throw new NotHereYet(number)
  return undefined
}

function tagNumber({ head, snapshot }: AnswerContext, tag: Tag): number {
  switch (tag) {
    case 'latest':
      return head.head.number
    case 'earliest':
      return snapshot.chainFrom
    case 'safe':
    case 'finalized': {
      const block: BlockRef = head[tag]
      // Before the first word on finality the marks stand at the base, which no client calls final.
      if (block.number === snapshot.chainFrom) throw failed('server', `${tag} block not found`)
      return block.number
    }
    case 'pending':
      throw new ForwardWanted({ error: { code: -32000, message: 'pending block is not available' } })
  }
}

export function headerAt({ snapshot }: AnswerContext, number: number): Header {
  const header = snapshot.header(number)
  assert(header !== undefined, 'every block from the base to the head has its header')
  return header
}

export interface StatePlace {
  readonly view: StateView
  readonly header: Header
  readonly rules: Rules
}

/** State at a place, and what code that runs there sees of its block. @throws as viewAt does */
export function stateAt(context: AnswerContext, place: BlockPlace): StatePlace {
  const number = stateNumber(context, place)
  const header = headerAt(context, number)
  const rules = context.config.rulesAt(number, header.timestamp)
  return { view: context.snapshot.stateAt(number), header, rules }
}

/** State at a place. @throws RpcFailure (header not found …), NotHereYet, ForwardWanted, MarkGone */
export function viewAt(context: AnswerContext, place: BlockPlace): StateView {
  return context.snapshot.stateAt(stateNumber(context, place))
}

function stateNumber(context: AnswerContext, place: BlockPlace): number {
  if (place.kind === 'tag' && place.tag === 'pending') {
    throw new ForwardWanted({ error: { code: -32000, message: 'pending state is not available' } })
  }
  const number = findNumber(context, place)
  if (number === undefined) {
    throw failed('server', place.kind === 'hash' ? 'header for hash not found' : 'header not found')
  }
  const { snapshot, head } = context
  if (number < snapshot.historyFrom) {
    if (place.kind === 'tag' && place.tag !== 'earliest') throw new MarkGone(number)
    const range = `${snapshot.historyFrom} to ${head.head.number}`
    const message = `historical state of block ${number} is not available: this replica holds the state of blocks ${range}`
    throw new ForwardWanted({ error: { code: -32000, message } })
  }
  return number
}

/** The head is on this snapshot's chain and its state is kept, so that the snapshot can answer at it. */
export function holds(snapshot: Snapshot, head: BlockRef): boolean {
  if (snapshot.catchingUpTo !== undefined) return false // in the middle of a switch nothing can
  if (sameBlock(snapshot.heads.head, head)) return true
  // A store that caught up far beyond it: a client, asked for "latest" in its place, would answer at its own.
  if (head.number < snapshot.historyFrom) return false
  return head.number < snapshot.heads.head.number && hashIs(snapshot.hashAt(head.number), head.hash)
}

function hashIs(found: BlockHash | undefined, wanted: BlockHash): boolean {
  return found === wanted
}
