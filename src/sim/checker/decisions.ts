/**
 * The cluster's decisions, made again from the feed's records by the rules of architecture §4 as they are written there, with the chain known
 * from its builder instead of from frames: an account of its own, so that a change of the production judge is seen.
 */
import { assert } from '#kernel/assert.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import type { FeedRecord, HeadEvent } from '#protocol/feed/frames/records.ts'
import type { BuiltBlock } from '#sim/client/block-builder.ts'
import { ancestorAt } from '#sim/client/consensus.ts'
import { decodeRecord } from '#wire/record.ts'

export interface Decided {
  readonly head: BuiltBlock
  readonly safe: BuiltBlock
  readonly finalized: BuiltBlock
}

export interface Decisions {
  /** What stands after the record at this position. */
  after(position: number): Decided
  /** Positions whose record changed something, in order. */
  readonly changes: readonly number[]
  /** The record with which this block was whole first, with this delta. */
  wholeAt(hash: string, deltaHash: string): number | undefined
  readonly end: number
}

type Find = (hash: string) => BuiltBlock | undefined

/** A producer is its id: what it said in an earlier life counts until it says something newer. */
interface Producer {
  epoch: number
  incarnation: bigint
  event: { readonly event: HeadEvent; readonly position: number } | undefined
  serving: boolean
  beats: number[]
  lastPosition: number
  /** Of the frame whose parts it is sending: a frame is whole with the last of them, all in order, in one life. */
  parts: { readonly digest: string; readonly heard: number } | undefined
}

export function decide(records: readonly LogRecord[], find: Find, first: BuiltBlock): Decisions {
  const judge = new Judge(find, first)
  const states: Decided[] = []
  const changes: number[] = []
  for (const { position, bytes } of records) {
    assert(position === states.length, 'the feed is read from its first record on')
    const before = judge.now
    judge.take(position, decodeRecord(bytes))
    if (judge.now !== before || position === 0) changes.push(position)
    states.push(judge.now)
  }
  return {
    after: (position) => states[position] as Decided,
    changes,
    wholeAt: (hash, deltaHash) => judge.wholeAt.get(hash + deltaHash),
    end: states.length,
  }
}

class Judge {
  now: Decided
  readonly wholeAt = new Map<string, number>()
  readonly #find: Find
  readonly #whole = new Set<BuiltBlock>()
  readonly #producers = new Map<string, Producer>()
  #leader: string | undefined
  #top: number
  #cluster: string | undefined

  constructor(find: Find, first: BuiltBlock) {
    this.now = { head: first, safe: first, finalized: first }
    this.#find = find
    this.#top = first.number
    this.#whole.add(first)
  }

  take(position: number, record: FeedRecord): void {
    this.#cluster ??= record.cluster
    if (record.cluster !== this.#cluster) return
    const producer = this.#producerOf(record)
    if (producer === undefined) return
    producer.lastPosition = position
    const { body } = record
    if (body.kind === 'headEvent') {
      producer.event = { event: body, position }
      this.#judge(record.producer, body)
    } else if (body.kind === 'beat') {
      producer.serving = body.phase === 'serving'
      producer.beats.push(position)
      if (producer.event !== undefined) this.#judge(record.producer, producer.event.event)
    } else if (body.kind === 'framePart') {
      const { index, count, frameDigest: digest } = body
      const isNext = index === 0 || (producer.parts?.digest === digest && producer.parts.heard === index)
      producer.parts = isNext ? { digest, heard: index + 1 } : undefined
      if (producer.parts?.heard !== count) return
      const key = body.block.hash + body.deltaHash
      if (!this.wholeAt.has(key)) this.wholeAt.set(key, position)
      this.#complete(this.#block(body.block.hash))
    }
  }

  #producerOf({ producer: id, epoch, incarnation }: FeedRecord): Producer | undefined {
    const known = this.#producers.get(id)
    if (known !== undefined && epoch === known.epoch)
      return incarnation === known.incarnation ? known : undefined
    if (known !== undefined && epoch < known.epoch) return undefined
    if (known !== undefined) return Object.assign(known, { epoch, incarnation, parts: undefined })
    const fresh = {
      ...{ epoch, incarnation, event: undefined, serving: false },
      ...{ beats: [], lastPosition: 0, parts: undefined },
    }
    this.#producers.set(id, fresh)
    return fresh
  }

  #complete(block: BuiltBlock): void {
    if (this.#whole.has(block)) return
    const wereBroken = [...this.#producers]
      .flatMap(([id, { event }]) => (event === undefined ? [] : [{ id, ...event }]))
      .filter(({ event }) => !this.#isWhole(this.#block(event.head.hash)))
      .toSorted((a, b) => a.position - b.position)
    this.#whole.add(block)
    for (const { id, event } of wereBroken) this.#judge(id, event)
  }

  #isWhole(block: BuiltBlock): boolean {
    for (let at: BuiltBlock | undefined = block; at !== undefined; at = at.parent)
      if (!this.#whole.has(at)) return false
    return true
  }

  #judge(id: string, event: HeadEvent): void {
    const named = this.#block(event.head.hash)
    if (!this.#isWhole(named)) return
    const { finalized } = this.now
    const isKnown = isOn(this.now.head, named)
    if (!isKnown && !isOn(named, finalized)) return // rule 1
    let { head } = this.now
    if (!isKnown && this.#moves(id, event, named)) {
      head = named
      this.#leader = id
      this.#top = Math.max(this.#top, named.number)
    }
    this.#mark(event, head)
  }

  #moves(id: string, event: HeadEvent, named: BuiltBlock): boolean {
    const { head, finalized } = this.now
    if (isOn(named, head)) return true // rule 3
    const theirs = event.finalized && this.#block(event.finalized.hash)
    if (
      theirs !== undefined &&
      theirs.number > finalized.number &&
      !isOn(head, theirs) &&
      isOn(named, theirs)
    )
      return true // 4a
    return (
      id === this.#leader || // 4b
      (named.number > head.number && this.#isGone()) || // 4c
      named.number >= this.#top + 2 // 4d
    )
  }

  #isGone(): boolean {
    const leader = this.#leader === undefined ? undefined : this.#producers.get(this.#leader)
    if (leader === undefined || !leader.serving) return true
    return [...this.#producers.values()].some(
      (other) => other !== leader && other.beats.filter((at) => at > leader.lastPosition).length >= 3,
    )
  }

  #mark(event: HeadEvent, head: BuiltBlock): void {
    let { safe, finalized } = this.now
    const onChain = (ref: HeadEvent['safe']): BuiltBlock | undefined => {
      const block = ref && this.#block(ref.hash)
      return block !== undefined && isOn(head, block) ? block : undefined
    }
    const theirFinal = onChain(event.finalized)
    if (theirFinal !== undefined && theirFinal.number > finalized.number) finalized = theirFinal
    const theirSafe = onChain(event.safe)
    if (!isOn(head, safe)) safe = theirSafe ?? finalized
    else if (theirSafe !== undefined && theirSafe.number > safe.number) safe = theirSafe
    if (safe.number < finalized.number) safe = finalized
    const { now } = this
    if (head !== now.head || safe !== now.safe || finalized !== now.finalized)
      this.now = { head, safe, finalized }
  }

  #block(hash: string): BuiltBlock {
    const block = this.#find(hash)
    assert(block !== undefined, 'masters speak of blocks that were built')
    return block
  }
}

/** `block` is on the chain that ends in `tip`. */
export function isOn(tip: BuiltBlock, block: BuiltBlock): boolean {
  return ancestorAt(tip, block.number) === block
}
