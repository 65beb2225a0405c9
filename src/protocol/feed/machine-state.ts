/**
 * The state of the feed machine as bytes, stored with every block and carried by snapshots: small (no frames, and the canonical chain is
 * handed in by the store that has it), versioned, and the same bytes for the same state.
 */
import type { BlockRef } from '#chain/block-ref.ts'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { FramePart, HeadEvent, Phase } from './records.ts'
import type { SideBlock } from './tree.ts'

const VERSION = 1

export interface ProducerState {
  epoch: number
  incarnation: bigint
  /** Of its newest beat. */
  phase: Phase | undefined
  /** Its newest head event, with the position of its record. */
  event: { readonly position: number; readonly event: HeadEvent; judged: boolean } | undefined
  unfinished: (Omit<FramePart, 'kind' | 'index' | 'bytes'> & { received: number }) | undefined
}

export interface FeedState {
  readonly cluster: string
  head: BlockRef
  safe: BlockRef
  finalized: BlockRef
  leader: string | undefined
  /** The highest number that the head ever had. */
  highest: number
  readonly producers: Map<string, ProducerState>
  /** Beats of each other master since the leader's last record. */
  readonly beatsSinceLeader: Map<string, number>
}

export interface StoredState {
  readonly state: FeedState
  readonly side: readonly SideBlock[]
}

export function encodeState({ state, side }: StoredState): Uint8Array {
  // Written out field by field: the order of an object's keys must not depend on its history.
  const producers = [...state.producers].map(([id, { epoch, incarnation, phase, event, unfinished }]) => [
    id,
    { epoch, incarnation: String(incarnation), phase, event, unfinished },
  ])
  const { cluster, head, safe, finalized, leader, highest } = state
  const beatsSinceLeader = [...state.beatsSinceLeader]
  return utf8(
    JSON.stringify({
      version: VERSION,
      cluster,
      head,
      safe,
      finalized,
      leader,
      highest,
      producers,
      beatsSinceLeader,
      side,
    }),
  )
}

/** @throws Fault feed/machine-state */
export function decodeState(bytes: Uint8Array): StoredState {
  try {
    const { version, producers, beatsSinceLeader, side, ...rest } = JSON.parse(fromUtf8(bytes))
    if (version !== VERSION) throw new Error(`it has version ${version}, this release reads ${VERSION}`)
    const state: FeedState = {
      leader: undefined,
      ...rest,
      producers: new Map(
        producers.map(([id, producer]: [string, { incarnation: string }]) => [
          id,
          {
            phase: undefined,
            event: undefined,
            unfinished: undefined,
            ...producer,
            incarnation: BigInt(producer.incarnation),
          },
        ]),
      ),
      beatsSinceLeader: new Map(beatsSinceLeader),
    }
    return { state, side }
  } catch (cause) {
    throw new Fault(
      'feed/machine-state',
      `the stored state of the feed machine cannot be read: ${messageOf(cause)}. Remove the store and start again`,
      {},
      { cause },
    )
  }
}
