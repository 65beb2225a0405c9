/**
 * The state of the feed machine as bytes, stored with every block and carried by snapshots: small (no frames, and the canonical chain is
 * handed in by the store that has it), versioned, and the same bytes for the same state.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import type { Level } from '#chain/block/frame.ts'
import { fromUtf8, type Hex, utf8 } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { FramePart, HeadEvent, Phase } from './frames/records.ts'
import type { SideBlock } from './tree.ts'

const VERSION = 2

/** What judging needs of a head event. */
export type KeptEvent = Omit<HeadEvent, 'kind' | 'checked'>

export interface ProducerState {
  epoch: number
  incarnation: bigint
  /** Another incarnation of this epoch has been heard and reported. */
  twinReported: boolean
  /** Position of its newest record. */
  lastPosition: number
  /** Positions of its newest three beats, ascending: who is gone is counted in them. */
  lastBeats: number[]
  /** Of its newest beat. */
  phase: Phase | undefined
  /** Its newest head event, with the position of its record. */
  event: { readonly position: number; readonly event: KeptEvent; judged: boolean } | undefined
  unfinished: (Omit<FramePart, 'kind' | 'index' | 'bytes'> & { received: number }) | undefined
}

/** What the first whole frame of a block said. */
export interface FirstWord {
  readonly hash: BlockHash
  readonly producer: string
  readonly deltaHash: Hex
  readonly level: Level
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
  /** Of the newest whole frames, oldest first: what others say of these blocks is compared with it. */
  firstWords: FirstWord[]
}

export interface StoredState {
  readonly state: FeedState
  readonly side: readonly SideBlock[]
}

export function encodeState({ state, side }: StoredState): Uint8Array {
  // Written out field by field: the order of an object's keys must not depend on its history.
  const producers = [...state.producers].map(([id, producer]) => {
    const { epoch, incarnation, twinReported, lastPosition, lastBeats, phase, event, unfinished } = producer
    const written = { epoch, incarnation: String(incarnation), twinReported, lastPosition, lastBeats }
    return [id, { ...written, phase, event, unfinished }]
  })
  const { cluster, head, safe, finalized, leader, highest, firstWords } = state
  const marks = { version: VERSION, cluster, head, safe, finalized, leader, highest }
  return utf8(JSON.stringify({ ...marks, producers, firstWords, side }))
}

/** @throws Fault feed/machine-state */
export function decodeState(bytes: Uint8Array): StoredState {
  try {
    const { version, producers, side, ...rest } = JSON.parse(fromUtf8(bytes))
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
