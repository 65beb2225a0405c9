/**
 * Fork choice of the cluster: stands between the ordered log and everything that is decided from it. Takes one decoded record after
 * another, never looks inside a frame, and returns what the reader has to do. A pure function of the records' order: all readers, started
 * anywhere from a stored state, decide the same. README.md has the protocol on one page; architecture §4 is its specification.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { Fault } from '#kernel/fault.ts'
import { dropUnfinished, takePart } from './frames/assembly.ts'
import type { Alarm, FeedEffect } from './effects.ts'
import { disputed } from './disputes.ts'
import { GONE_AFTER_BEATS, judge, parked } from './judging.ts'
import { decodeState, encodeState, type FeedState, type ProducerState } from './machine-state.ts'
import { ranking } from './ranking.ts'
import type { FeedRecord, Generation } from './frames/records.ts'
import { BlockTree, type SideBlock } from './tree.ts'

/** Masters of one cluster are a handful; ids of lives gone by are forgotten past this. */
const PRODUCERS_MAX = 64

export interface FeedMachine {
  /** Takes the record at `position`; effects are to be carried out in order.
   *  @throws Fault feed/foreign, feed/unsupported-setting */
  step(position: number, record: FeedRecord): FeedEffect[]
  /** Undefined until the generation record. */
  heads(): { readonly head: BlockRef; readonly safe: BlockRef; readonly finalized: BlockRef } | undefined
  leader(): string | undefined
  /** Place of a master among those that publish, 0 first; undefined while no record of it is on the feed. */
  rank(id: string): number | undefined
  /** Producers with an unfinished frame, and how many of its parts have come. */
  unfinished(): ReadonlyMap<string, number>
  /** Whole frames beside the chain. */
  side(): readonly SideBlock[]
  /** What is remembered of the canonical chain, ascending, the head last. */
  canonical(): readonly BlockRef[]
  /** The state as bytes; with the canonical chain it makes the same machine again. */
  encode(): Uint8Array
}

/** A machine at the beginning of a feed. */
export function createFeedMachine(): FeedMachine {
  return machine(undefined)
}

/** A machine as it was when `encode` gave `bytes`.
 *  @param canonical of the canonical chain all blocks from {@link rememberedFrom} on or more, ascending, the head last
 *  @throws Fault feed/machine-state */
export function restoreFeedMachine(bytes: Uint8Array, canonical: readonly BlockRef[]): FeedMachine {
  const { state, side } = decodeState(bytes)
  assert(canonical.at(-1)?.hash === state.head.hash, 'a machine is restored with the chain that it stood on')
  const tree = new BlockTree(canonical, side)
  tree.prune(state.finalized.number, state.highest)
  return machine({ state, tree })
}

interface Born {
  readonly state: FeedState
  readonly tree: BlockTree
}

function machine(restored: Born | undefined): FeedMachine {
  let born = restored
  return {
    step(position, record) {
      if (born === undefined) {
        const adopted = adopt(record)
        born = adopted.born
        return [adopted.effect, ...take(born, position, record)]
      }
      const { state, tree } = born
      if (record.cluster !== state.cluster) {
        // Of several generation records the first counts: this one lost the race, and nobody goes on with it.
        if (record.body.kind === 'generation') return []
        throw new Fault(
          'feed/foreign',
          `record ${position} is of cluster ${record.cluster}; this feed is of ${state.cluster}`,
          { position },
        )
      }
      return take(born, position, record).concat(prune(state, tree))
    },
    heads: () => born && { head: born.state.head, safe: born.state.safe, finalized: born.state.finalized },
    leader: () => born?.state.leader,
    rank(id) {
      const place = born === undefined ? -1 : ranking(born.state, id).indexOf(id)
      return place === -1 ? undefined : place
    },
    unfinished: () =>
      new Map(
        [...(born?.state.producers ?? [])].flatMap(([id, { unfinished }]) =>
          unfinished ? [[id, unfinished.received] as const] : [],
        ),
      ),
    side: () => born?.tree.side() ?? [],
    canonical: () => born?.tree.canonical() ?? [],
    encode: () => {
      if (born === undefined) throw new Fault('feed/machine-state', 'the feed has no generation record yet')
      return encodeState({ state: born.state, side: born.tree.side() })
    },
  }
}

function adopt(record: FeedRecord): { born: Born; effect: FeedEffect } {
  const { body, cluster } = record
  if (body.kind !== 'generation') {
    throw new Fault(
      'feed/foreign',
      `the first record of a feed says what it is; this one is a ${body.kind}: not a feed, or its beginning is lost`,
    )
  }
  if (body.settings.agree !== 1) {
    throw new Fault(
      'feed/unsupported-setting',
      `this feed wants ${body.settings.agree} masters to agree on each block, which this release does not do`,
    )
  }
  return { born: bornAt(cluster, body), effect: { kind: 'adopted', cluster, generation: body } }
}

function bornAt(cluster: string, { base }: Generation): Born {
  const state: FeedState = {
    cluster,
    head: base,
    safe: base,
    finalized: base,
    leader: undefined,
    highest: base.number,
    producers: new Map(),
    firstWords: [],
  }
  return { state, tree: new BlockTree([base], []) }
}

function take({ state, tree }: Born, position: number, record: FeedRecord): FeedEffect[] {
  const { producer: id, body } = record
  const { producer, effects } = place(state, record)
  if (producer === undefined) return effects
  producer.lastPosition = position
  switch (body.kind) {
    case 'framePart': {
      const assembled = takePart(state, tree, id, producer, body)
      const whole = assembled.some(({ kind }) => kind === 'frameWhole')
      return [...effects, ...assembled, ...(whole ? judgeParked(state, tree) : [])]
    }
    case 'headEvent': {
      const { kind: _kind, checked, ...event } = body
      producer.event = { position, event, judged: false }
      const disputes = checked.flatMap((said) => disputed(state, id, said))
      return [...effects, ...disputes, ...judgeNewest(state, tree, id, producer)]
    }
    case 'beat':
      producer.phase = body.phase
      producer.lastBeats = [...producer.lastBeats.slice(1 - GONE_AFTER_BEATS), position]
      return [...effects, ...judgeNewest(state, tree, id, producer)]
    case 'generation':
    case 'maintenanceLease':
    case 'maintenanceRelease':
      return effects
  }
}

/** The producer of a record, or none where the record is of an older life or of a twin. */
function place(state: FeedState, record: FeedRecord): { producer?: ProducerState; effects: FeedEffect[] } {
  const { producer: id, epoch, incarnation } = record
  const known = state.producers.get(id)
  if (known === undefined) return welcome(state, record)
  if (epoch < known.epoch) return { effects: [] }
  if (epoch > known.epoch) {
    Object.assign(known, { epoch, incarnation, twinReported: false })
    return { producer: known, effects: dropUnfinished(id, known) }
  }
  if (incarnation === known.incarnation) return { producer: known, effects: [] }
  if (known.twinReported) return { effects: [] }
  known.twinReported = true
  return { effects: [alarm({ code: 'duplicateId', producer: id, epoch })] }
}

/** A producer that was not known; where there are too many, the one that was silent for longest makes room. */
function welcome(
  state: FeedState,
  { producer: id, epoch, incarnation }: FeedRecord,
): { producer: ProducerState; effects: FeedEffect[] } {
  const effects: FeedEffect[] = []
  if (state.producers.size >= PRODUCERS_MAX) {
    const [silent] = [...state.producers]
      .filter(([each]) => each !== state.leader)
      .toSorted(([, a], [, b]) => a.lastPosition - b.lastPosition)
    assert(silent !== undefined, 'there are more producers than the leader')
    state.producers.delete(silent[0])
    effects.push(...dropUnfinished(...silent), alarm({ code: 'producerForgotten', producer: silent[0] }))
  }
  const producer: ProducerState = {
    epoch,
    incarnation,
    twinReported: false,
    lastPosition: 0,
    lastBeats: [],
    phase: undefined,
    event: undefined,
    unfinished: undefined,
  }
  state.producers.set(id, producer)
  return { producer, effects }
}

function alarm(what: Alarm): FeedEffect {
  return { kind: 'alarm', alarm: what }
}

function judgeNewest(state: FeedState, tree: BlockTree, id: string, producer: ProducerState): FeedEffect[] {
  const { event } = producer
  if (event === undefined) return []
  const again = event.judged
  const effects = judge(state, tree, id, event.event)
  if (effects === undefined) return []
  event.judged = true
  // An alarm is raised when the event is first judged, not again at each beat.
  return again ? effects.filter(({ kind }) => kind !== 'alarm') : effects
}

function judgeParked(state: FeedState, tree: BlockTree): FeedEffect[] {
  return parked(state).flatMap(([id, event]) => {
    const effects = judge(state, tree, id, event.event)
    if (effects !== undefined) event.judged = true
    return effects ?? []
  })
}

/** After each record: what finality and height have made impossible is forgotten. */
function prune(state: FeedState, tree: BlockTree): FeedEffect[] {
  const effects: FeedEffect[] = []
  for (const [id, producer] of state.producers) {
    if (producer.unfinished !== undefined && producer.unfinished.block.number <= state.finalized.number)
      effects.push(...dropUnfinished(id, producer))
  }
  const blocks = tree.prune(state.finalized.number, state.highest)
  if (blocks.length > 0) effects.push({ kind: 'sideDropped', blocks })
  return effects
}
