/**
 * Decides what a gateway calls latest (architecture §10). It stands between the statuses of replicas and the requests of users: it moves
 * the served head when enough replicas hold the next one, says who may be asked, and lets no slow or silent replica hold it back.
 *
 * Heads are ordered by the feed position that decided them, never by number: a reorg to a lower height is simply the next head. A
 * replica at a later position holds every earlier head as well, from its history; after a reorg away from it the replica says that it
 * does not, and another is asked. Invariants: the served position never decreases, the finalized number never decreases, and nothing is
 * served before a replica has applied the feed up to an end that was read after this machine started (what an earlier life of this
 * gateway served was decided below that end).
 */
import { type BlockRef, sameBlock } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'

/** Three link heartbeats: a replica silent for longer is asked nothing. */
export const SILENT_MS = 300
/** How long the others may hold back a head that the first replica has: this share of the block time, which is learned, within two bounds. */
const PATIENCE_BLOCK_TIMES = 0.25
export const PATIENCE_MS_MIN = 25
/** Also until the block time is known. */
export const PATIENCE_MS_MAX = 100
/** Intervals of which the block time is the median, and how many make one known: a burst after a stall is no pace. */
const INTERVALS_KEPT = 16
const INTERVALS_MIN = 4
/** The feed's end is asked for again after this. */
export const ASK_AGAIN_MS = 500
/** Heads waiting to be served; the oldest are skipped, as newer ones replace them anyway. */
const NEXT_HEADS_MAX = 256

/** One decided state of the feed, and the feed position that decided it. */
export interface DecidedHead {
  readonly position: number
  readonly head: BlockRef
  readonly safe: BlockRef
  readonly finalized: BlockRef
}

export type HeadInput =
  | {
      readonly kind: 'status'
      /** One stream of a replica: what can be asked by itself. */
      readonly replica: string
      /** Streams of one group are threads of one process over one store, and weigh as one. */
      readonly group: string
      /** Every head decided before this feed position is applied. */
      readonly applied: number
      readonly head: DecidedHead
      /** False while it catches up or drains. */
      readonly routable: boolean
      readonly nowMs: number
    }
  | { readonly kind: 'lost'; readonly replica: string; readonly nowMs: number }
  /** One past the feed's last position, read after the ask with this nonce. */
  | { readonly kind: 'feedEnd'; readonly nonce: number; readonly next: number; readonly nowMs: number }
  | { readonly kind: 'tick'; readonly nowMs: number }

export type HeadEffect =
  | { readonly kind: 'serve'; readonly head: DecidedHead }
  | { readonly kind: 'askFeedEnd'; readonly replica: string; readonly nonce: number }
  /** It has been silent: give up on what it was asked. */
  | { readonly kind: 'evict'; readonly replica: string }
  /** It says what cannot be, so it is asked nothing until it is lost and comes again. */
  | { readonly kind: 'distrust'; readonly replica: string; readonly why: string }
  | { readonly kind: 'arm'; readonly atMs: number }

interface Replica {
  readonly group: string
  applied: number
  head: DecidedHead
  routable: boolean
  heardMs: number
  distrusted: boolean
}

export interface ServedHead {
  readonly nonce: number
  readonly replicas: Map<string, Replica>
  /** Heads above the served one, by position: what they are, and when a routable replica had each first. */
  readonly next: Map<number, { readonly head: DecidedHead; readonly sinceMs: number }>
  served: DecidedHead | undefined
  /** The feed's end at the start; nothing is served before it is known. */
  startEnd: number | undefined
  askedMs: number
  armedMs: number
  /** The highest head that any replica had, and when the first had it. */
  highest: { readonly number: number; readonly ms: number } | undefined
  /** Between its newest blocks, in milliseconds. */
  readonly intervals: number[]
}

/** @param nonce random: an answer to an earlier life's ask is not this one's */
export function createServedHead(nonce: number): ServedHead {
  return {
    nonce,
    replicas: new Map(),
    next: new Map(),
    served: undefined,
    startEnd: undefined,
    askedMs: Number.NEGATIVE_INFINITY,
    armedMs: Number.POSITIVE_INFINITY,
    highest: undefined,
    intervals: [],
  }
}

/** Replicas that may be asked at the served head; none while nothing is served. */
export function holders(view: ServedHead): string[] {
  const { served } = view
  if (served === undefined) return []
  const out: string[] = []
  for (const [id, replica] of view.replicas) if (holds(replica, served)) out.push(id)
  return out
}

export function step(view: ServedHead, input: HeadInput): HeadEffect[] {
  const effects: HeadEffect[] = []
  switch (input.kind) {
    case 'status':
      takeStatus(view, input, effects)
      break
    case 'lost':
      view.replicas.delete(input.replica)
      break
    case 'feedEnd':
      if (input.nonce === view.nonce) view.startEnd ??= input.next
      break
    case 'tick':
      view.armedMs = Number.POSITIVE_INFINITY
      break
  }
  evictSilent(view, input.nowMs, effects)
  askForEnd(view, input.nowMs, effects)
  moveHead(view, input.nowMs, effects)
  arm(view, effects)
  return effects
}

function takeStatus(view: ServedHead, input: HeadInput & { kind: 'status' }, effects: HeadEffect[]): void {
  const known = view.replicas.get(input.replica)
  if (known?.distrusted === true) return
  const wrong = contradiction(view, known, input.head)
  if (wrong !== undefined) effects.push({ kind: 'distrust', replica: input.replica, why: wrong })
  view.replicas.set(input.replica, {
    group: input.group,
    applied: input.applied,
    head: input.head,
    routable: input.routable && wrong === undefined,
    heardMs: input.nowMs,
    distrusted: wrong !== undefined,
  })
  if (wrong !== undefined || !input.routable || input.head.position <= (view.served?.position ?? -1)) return
  const { position } = input.head
  if (!view.next.has(position)) {
    view.next.set(position, { head: input.head, sinceMs: input.nowMs })
    learnBlockTime(view, input.head.head.number, input.nowMs)
  }
  if (view.next.size > NEXT_HEADS_MAX) view.next.delete(Math.min(...view.next.keys()))
}

function learnBlockTime(view: ServedHead, number: number, nowMs: number): void {
  const { highest, intervals } = view
  if (highest !== undefined && number <= highest.number) return
  view.highest = { number, ms: nowMs }
  if (highest !== undefined) intervals.push((nowMs - highest.ms) / (number - highest.number))
  if (intervals.length > INTERVALS_KEPT) intervals.shift()
}

/** How long a head waits for the other replicas. */
function patienceMs({ intervals }: ServedHead): number {
  if (intervals.length < INTERVALS_MIN) return PATIENCE_MS_MAX
  const blockMs = intervals.toSorted((a, b) => a - b)[intervals.length >> 1] as number
  return Math.min(Math.max(PATIENCE_BLOCK_TIMES * blockMs, PATIENCE_MS_MIN), PATIENCE_MS_MAX)
}

/** All replicas compute one sequence of heads from one feed; who differs reads another feed or is broken. */
function contradiction(view: ServedHead, known: Replica | undefined, head: DecidedHead): string | undefined {
  if (known !== undefined && head.position < known.head.position) return 'its head stepped back in the feed'
  const { served } = view
  const same = served?.position === head.position ? served : view.next.get(head.position)?.head
  if (same !== undefined && !sameHead(same, head)) return 'it decided another head at the same feed position'
  if (
    served !== undefined &&
    head.position > served.position &&
    head.finalized.number < served.finalized.number
  )
    return 'its finalized block is below the one that was served'
  return undefined
}

function sameHead(a: DecidedHead, b: DecidedHead): boolean {
  return sameBlock(a.head, b.head) && sameBlock(a.safe, b.safe) && sameBlock(a.finalized, b.finalized)
}

function evictSilent(view: ServedHead, nowMs: number, effects: HeadEffect[]): void {
  for (const [id, replica] of view.replicas) {
    if (!replica.routable || nowMs < replica.heardMs + SILENT_MS) continue
    replica.routable = false
    effects.push({ kind: 'evict', replica: id })
  }
}

function askForEnd(view: ServedHead, nowMs: number, effects: HeadEffect[]): void {
  if (view.startEnd !== undefined || view.replicas.size === 0 || nowMs < view.askedMs + ASK_AGAIN_MS) return
  view.askedMs = nowMs
  for (const [id, replica] of view.replicas)
    if (!replica.distrusted) effects.push({ kind: 'askFeedEnd', replica: id, nonce: view.nonce })
}

function moveHead(view: ServedHead, nowMs: number, effects: HeadEffect[]): void {
  const routable = [...view.replicas.values()].filter((replica) => replica.routable)
  const to = view.served === undefined ? firstHead(view, routable) : nextHead(view, routable, nowMs)
  if (to === undefined) return
  assert(
    view.served === undefined || to.position > view.served.position,
    'the served head moves forward in the feed',
  )
  assert(
    view.served === undefined || to.finalized.number >= view.served.finalized.number,
    'the served finalized block never goes down',
  )
  view.served = to
  for (const position of view.next.keys()) if (position <= to.position) view.next.delete(position)
  effects.push({ kind: 'serve', head: to })
}

/** The newest head of a replica that has applied all that the feed held when this machine started. */
function firstHead(view: ServedHead, routable: readonly Replica[]): DecidedHead | undefined {
  const end = view.startEnd
  if (end === undefined) return undefined
  return newest(routable.filter((replica) => replica.applied >= end).map((replica) => replica.head))
}

/** The newest head that half of the routable replicas hold (in one of their streams), or that one of them has held for as long as the others may hold it back. */
function nextHead(view: ServedHead, routable: readonly Replica[], nowMs: number): DecidedHead | undefined {
  const ready: DecidedHead[] = []
  const weight = groupsOf(routable)
  for (const { head, sinceMs } of view.next.values()) {
    if (head.finalized.number < (view.served?.finalized.number ?? 0)) continue
    const held = groupsOf(routable.filter((replica) => holds(replica, head)))
    if (held > 0 && (2 * held >= weight || nowMs >= sinceMs + patienceMs(view))) ready.push(head)
  }
  return newest(ready)
}

function groupsOf(replicas: readonly Replica[]): number {
  return new Set(replicas.map(({ group }) => group)).size
}

function newest(heads: readonly DecidedHead[]): DecidedHead | undefined {
  return heads.reduce<DecidedHead | undefined>(
    (best, head) => (best === undefined || head.position > best.position ? head : best),
    undefined,
  )
}

function holds(replica: Replica, head: DecidedHead): boolean {
  return replica.routable && replica.head.position >= head.position
}

/** One deadline at a time: the earliest at which time alone changes something. */
function arm(view: ServedHead, effects: HeadEffect[]): void {
  let atMs = Number.POSITIVE_INFINITY
  const replicas = [...view.replicas.values()]
  for (const { routable, heardMs } of replicas) if (routable) atMs = Math.min(atMs, heardMs + SILENT_MS)
  if (view.served !== undefined)
    for (const { head, sinceMs } of view.next.values())
      if (replicas.some((replica) => holds(replica, head))) atMs = Math.min(atMs, sinceMs + patienceMs(view))
  if (view.startEnd === undefined && view.replicas.size > 0)
    atMs = Math.min(atMs, view.askedMs + ASK_AGAIN_MS)
  if (atMs >= view.armedMs) return // the armed one comes first and arms again
  view.armedMs = atMs
  effects.push({ kind: 'arm', atMs })
}
