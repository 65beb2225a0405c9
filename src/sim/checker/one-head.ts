/**
 * P3, one head, over all users of the gateway as one client: an answer is at a head that the feed decided at the same or a later place than
 * every answer received before it was asked for, also across restarts of the gateway. Finalized never goes down. A replica steps down
 * to a lower number only after holding back; and it stands where the feed's records, judged anew, say.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import type { BuiltBlock } from '#sim/client/block-builder.ts'
import { describe } from '#sim/client/consensus.ts'
import type { Item } from '#sim/user/exchange.ts'
import type { BoundAnswer, Checker, CheckerParts } from './checker.ts'
import { type Decided, type Decisions, isOn } from './decisions.ts'

/** Twice the shortest block time that a replica believes in (two block times of at least 50 ms), and some for clocks that run fast. */
const HOLD_MS_MIN = 80

interface Shown {
  readonly sentMs: number
  readonly receivedMs: number
  readonly block: BuiltBlock
  readonly finalized: number | undefined
  readonly safe: BuiltBlock | undefined
  readonly user: string
}

interface Commit {
  readonly replica: string
  readonly atMs: number
  /** One past the last record that it has taken. */
  readonly position: number
  readonly head: BuiltBlock
  readonly safe: BlockRef
  readonly finalized: BlockRef
}

export function createOneHeadChecker({ world, consensus, cluster }: CheckerParts): Checker {
  const shown: Shown[] = []
  const commits: Commit[] = []
  const wrong = (what: string): void => world.violate('P3', what)

  return {
    answered(answer) {
      const { sentMs, receivedMs, user, minBlock } = answer.exchange
      if (answer.block.number < minBlock)
        wrong(`${user} asked for block ${minBlock} or above and was answered at ${answer.block.number}`)
      const finalized = markOf(answer, 'finalized')
      const safe = markOf(answer, 'safe')
      shown.push({
        sentMs,
        receivedMs,
        user,
        block: answer.block,
        finalized: finalized?.number,
        safe: safe && consensus.block(safe.hash),
      })
    },
    committed(replica, { heads, position }) {
      const head = consensus.block(heads.head.hash)
      assert(head !== undefined, 'a replica stands at a block that was built')
      const { safe, finalized } = heads
      commits.push({
        replica,
        atMs: world.scheduler.nowMs(),
        position,
        head,
        safe,
        finalized,
      })
    },
    ended(decisions) {
      for (const commit of commits) checkCommit(commit, decisions, wrong)
      const { readableMs } = cluster.watch
      checkHolds(commits, decisions, readableMs, wrong)
      const places = checkHistory(shown, decisions, wrong)
      checkFinalized(shown, wrong)
      checkSafe(shown, places, decisions, readableMs, wrong)
    },
  }
}

function markOf(
  { exchange, items }: BoundAnswer,
  tag: 'safe' | 'finalized',
): { readonly number: number; readonly hash: string } | undefined {
  const i = exchange.questions.findIndex((question) => question.kind === 'mark' && question.tag === tag)
  const item: Item | undefined = items[i]
  if (item === undefined || 'error' in item || item.result === null) return undefined
  const { number, hash } = item.result as { number: string; hash: string }
  return { number: Number(number), hash }
}

type Wrong = (what: string) => void

function checkCommit(
  { replica, position, head, safe, finalized }: Commit,
  decisions: Decisions,
  wrong: Wrong,
): void {
  const decided: Decided | undefined = decisions.after(position - 1)
  if (decided === undefined)
    return wrong(`${replica} has taken record ${position - 1}, which the feed does not have`)
  if (decided.head !== head)
    wrong(
      `${replica} stands at block ${head.number} ${head.hash} after record ${position - 1}, which decided ${decided.head.number} ${decided.head.hash}`,
    )
  if (decided.safe.hash !== safe.hash || decided.finalized.hash !== finalized.hash)
    wrong(
      `after record ${position - 1} ${replica} has safe ${describe(safe)} and finalized ${describe(finalized)}, and decided are ${describe(decided.safe)} and ${describe(decided.finalized)}`,
    )
}

/** Between a record that decides a lower head and the commit that steps down to it there is a hold. */
function checkHolds(
  commits: readonly Commit[],
  decisions: Decisions,
  readableMs: (position: number) => number | undefined,
  wrong: Wrong,
): void {
  const last = new Map<string, Commit>()
  for (const commit of commits) {
    const before = last.get(commit.replica)
    last.set(commit.replica, commit)
    if (before === undefined || commit.head.number >= before.head.number) continue
    const heldFrom = firstLower(decisions, before, commit)
    const since = readableMs(heldFrom)
    if (since !== undefined && commit.atMs - since < HOLD_MS_MIN)
      wrong(
        `${commit.replica} steps down from block ${before.head.number} to ${commit.head.number} only ${(commit.atMs - since).toFixed(0)} ms after it was decided`,
      )
  }
}

/** The first record after `before` from which on the decided head stayed lower until `commit`. */
function firstLower(decisions: Decisions, before: Commit, commit: Commit): number {
  let first = commit.position - 1
  while (first > before.position && decisions.after(first - 1).head.number < before.head.number) first--
  return first
}

/**
 * Each answer is given the earliest place in the feed that it can be of: at or after the latest place of all answers that were received before
 * it was asked for. Where there is none, a head went back.
 */
function checkHistory(
  shown: readonly Shown[],
  decisions: Decisions,
  wrong: Wrong,
): ReadonlyMap<Shown, number> {
  const bySent = shown.toSorted((a, b) => a.sentMs - b.sentMs)
  const byReceived = shown.toSorted((a, b) => a.receivedMs - b.receivedMs)
  const placeOf = new Map<Shown, number>()
  let floor = 0
  let received = 0
  const places = placesOf(decisions)
  for (const each of bySent) {
    for (; received < byReceived.length; received++) {
      const earlier = byReceived[received] as Shown
      if (earlier.receivedMs >= each.sentMs) break
      floor = Math.max(floor, placeOf.get(earlier) ?? 0)
    }
    const place = places.get(each.block)?.find((one) => one.until >= floor)
    if (place === undefined) {
      wrong(
        `${each.user} was answered at block ${each.block.number} ${each.block.hash} at ${each.receivedMs.toFixed(1)} ms, which was not the head at or after record ${floor}, of an answer received before`,
      )
      return placeOf
    }
    placeOf.set(each, Math.max(place.from, floor))
  }
  return placeOf
}

/** For each block the stretches of the feed after whose records it was the head. */
function placesOf(
  decisions: Decisions,
): Map<BuiltBlock, { readonly from: number; readonly until: number }[]> {
  const places = new Map<BuiltBlock, { from: number; until: number }[]>()
  let current: { head: BuiltBlock; from: number; until: number } | undefined
  for (let position = 0; position < decisions.end; position++) {
    const { head } = decisions.after(position)
    if (current?.head === head) {
      current.until = position
      continue
    }
    current = { head, from: position, until: position }
    const known = places.get(head)
    if (known === undefined) places.set(head, [current])
    else known.push(current)
  }
  return places
}

function checkFinalized(shown: readonly Shown[], wrong: Wrong): void {
  const withMark = shown.filter((each) => each.finalized !== undefined)
  const byReceived = withMark.toSorted((a, b) => a.receivedMs - b.receivedMs)
  let floor = 0
  let received = 0
  for (const each of withMark.toSorted((a, b) => a.sentMs - b.sentMs)) {
    for (; (byReceived[received]?.receivedMs ?? Number.POSITIVE_INFINITY) < each.sentMs; received++)
      floor = Math.max(floor, byReceived[received]?.finalized ?? 0)
    if ((each.finalized as number) < floor)
      return wrong(`${each.user} was told that block ${each.finalized} is final, after ${floor} had been`)
  }
}

/** Safe goes down only where a safe block was reorganised away between the two answers. */
function checkSafe(
  shown: readonly Shown[],
  places: ReadonlyMap<Shown, number>,
  decisions: Decisions,
  readableMs: (position: number) => number | undefined,
  wrong: Wrong,
): void {
  const withMark = shown.filter((each) => each.safe !== undefined && places.has(each))
  /** No safe block was reorganised away after these records. */
  const stayed = (from: number, untilMs: number): boolean => {
    for (let at = from + 1; at < decisions.end && (readableMs(at) ?? untilMs) < untilMs; at++)
      if (!isOn(decisions.after(at).head, decisions.after(at - 1).safe)) return false
    return true
  }
  for (const later of withMark)
    for (const earlier of withMark) {
      const [before, after] = [earlier.safe as BuiltBlock, later.safe as BuiltBlock]
      if (earlier.receivedMs >= later.sentMs || after.number >= before.number) continue
      if (stayed(places.get(earlier) as number, later.receivedMs))
        return wrong(
          `${later.user} was told that block ${after.number} is safe, after ${before.number} ${before.hash} had been, and no safe block was reorganised away`,
        )
    }
}
