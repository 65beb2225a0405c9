/**
 * The slow twin of the feed machine: decides from the whole history again at each record, by looking through all of it, with nothing kept
 * but the decisions. Knows the rules of architecture §4 and none of the limits (1,024 blocks, 64 producers, who is told what).
 */
import { type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import type { FeedRecord, FramePart, HeadEvent } from '#protocol/feed/frames/records.ts'

export interface Decided {
  head: BlockRef
  safe: BlockRef
  finalized: BlockRef
  leader: string | undefined
}

type Placed<Body> = FeedRecord & { readonly position: number; readonly body: Body }

/** What stands after the last record. The first is a generation record. */
export function decideSlowly(records: readonly FeedRecord[]): Decided {
  const [first] = records
  if (first?.body.kind !== 'generation') throw new Error('a history begins with its generation')
  const { base } = first.body
  const now: Decided & { top: number } = {
    head: base,
    safe: base,
    finalized: base,
    leader: undefined,
    top: base.number,
  }
  const decided: Decided[] = [{ ...now }]
  for (let end = 2; end <= records.length; end++) {
    const alive = aliveOf(records.slice(0, end))
    const before = alive.filter(({ position }) => position < end - 1)
    const record = alive.find(({ position }) => position === end - 1)
    if (record !== undefined) decide(now, base, alive, before, record)
    decided.push({ ...now })
  }
  return decided.at(-1) as Decided
}

/** Records that count: of the newest life of their producer at their time, by its first incarnation. */
function aliveOf(records: readonly FeedRecord[]): Placed<FeedRecord['body']>[] {
  return records
    .map((record, position) => ({ ...record, position }))
    .filter(({ producer, epoch, incarnation, position }) => {
      const own = records.slice(0, position + 1).filter((each) => each.producer === producer)
      const newest = Math.max(...own.map((each) => each.epoch))
      const first = own.find((each) => each.epoch === newest)
      return epoch === newest && first?.incarnation === incarnation
    })
}

type Alive = readonly Placed<FeedRecord['body']>[]

function decide(
  now: Decided & { top: number },
  base: BlockRef,
  alive: Alive,
  before: Alive,
  record: Alive[number],
): void {
  const frames = wholeFrames(alive)
  const framesBefore = wholeFrames(before)
  const isReady = (event: Placed<HeadEvent>): boolean => {
    if (event === record) return true
    if (record.body.kind === 'beat') return event.producer === record.producer
    return chainOf(event.body.head, base, framesBefore) === undefined // completed by this record, if at all
  }
  for (const event of newestEvents(alive).filter(isReady)) {
    const path = chainOf(event.body.head, base, frames)
    const old = chainOf(now.head, base, frames)
    if (path !== undefined && old !== undefined) judgeSlowly(now, event, path, old, alive)
  }
}

function newestEvents(alive: Alive): Placed<HeadEvent>[] {
  const events = alive.filter((each): each is Placed<HeadEvent> => each.body.kind === 'headEvent')
  return events.filter(
    ({ producer, position }) =>
      !events.some((other) => other.producer === producer && other.position > position),
  )
}

/** From the base up to `block`, or undefined where one is not whole. */
function chainOf(block: BlockRef, base: BlockRef, frames: readonly FramePart[]): BlockRef[] | undefined {
  const path: BlockRef[] = []
  let at = block
  while (!sameBlock(at, base)) {
    const frame = frames.find((each) => sameBlock(each.block, at)) // the first one is that block's
    if (frame === undefined) return undefined
    path.unshift(at)
    at = { number: at.number - 1, hash: frame.parent }
  }
  return [base, ...path]
}

/** In the order in which they became whole: the last part, with those before it following each other from its producer's same life. */
function wholeFrames(alive: Alive): FramePart[] {
  return alive.flatMap(({ body, producer, epoch, position }) => {
    if (body.kind !== 'framePart' || body.index !== body.count - 1) return []
    const parts = alive.filter(
      (each): each is Placed<FramePart> =>
        each.body.kind === 'framePart' &&
        each.producer === producer &&
        each.epoch === epoch &&
        each.position <= position,
    )
    const own = parts.slice(-body.count).map((each) => each.body)
    const follow = own.every((each, index) => each.index === index && each.frameDigest === body.frameDigest)
    return follow && own.length === body.count ? [own[0] as FramePart] : []
  })
}

function judgeSlowly(
  now: Decided & { top: number },
  { producer, body: event }: Placed<HeadEvent>,
  path: readonly BlockRef[],
  old: readonly BlockRef[],
  alive: Alive,
): void {
  const on = (chain: readonly BlockRef[], block: BlockRef): boolean =>
    chain.some((each) => sameBlock(each, block))
  const isKnown = on(old, event.head)
  if (!isKnown && !on(path, now.finalized)) return // 1
  let chain = old
  if (!isKnown && moves()) {
    now.head = event.head
    now.leader = producer
    now.top = Math.max(now.top, event.head.number)
    chain = path
  }
  const { safe, finalized } = event
  if (finalized && on(chain, finalized) && finalized.number > now.finalized.number) now.finalized = finalized
  if (!on(chain, now.safe)) now.safe = safe && on(chain, safe) ? safe : now.finalized
  else if (safe && on(chain, safe) && safe.number > now.safe.number) now.safe = safe
  if (now.safe.number < now.finalized.number) now.safe = now.finalized

  function moves(): boolean {
    if (on(path, now.head)) return true // 3
    const settles =
      event.finalized !== undefined &&
      event.finalized.number > now.finalized.number &&
      !on(old, event.finalized) &&
      on(path, event.finalized)
    if (settles || producer === now.leader) return true // 4a, 4b
    return (event.head.number > now.head.number && isGone(now, alive)) || event.head.number >= now.top + 2 // 4c, 4d
  }
}

function isGone({ leader }: Decided, alive: Alive): boolean {
  if (leader === undefined) return true
  const beats = alive.filter(({ body }) => body.kind === 'beat')
  const own = beats.filter(({ producer }) => producer === leader).at(-1)?.body
  if (own?.kind !== 'beat' || own.phase !== 'serving') return true
  const last = Math.max(...alive.filter((each) => each.producer === leader).map((each) => each.position))
  return alive.some(
    ({ producer }) =>
      producer !== leader &&
      beats.filter((each) => each.producer === producer && each.position > last).length >= 3,
  )
}
