/**
 * Where a replica begins: an empty store adopts the feed's generation and the genesis it was given; a store that is there is matched with the
 * feed it came from, and the feed machine is made again as it was at the stored position.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { headerFromRlp } from '#chain/header/header-rlp.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { equalBytes, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { createFeedMachine, type FeedMachine, restoreFeedMachine } from '#protocol/feed/machine.ts'
import type { Generation } from '#protocol/feed/frames/records.ts'
import { rememberedFrom } from '#protocol/feed/tree.ts'
import type { Heads } from '#state/identity.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { decodeRecord } from '#wire/record.ts'
import { decodeFeedState, encodeFeedState } from './apply/feed-state.ts'
import { SideShelf } from './apply/side-shelf.ts'
import { branchesAt, planIn, type SwitchPlan } from './switch/switch-plan.ts'

/** Where the store stands when applying begins. */
export interface Standing {
  readonly machine: FeedMachine
  readonly shelf: SideShelf
  /** Next to read. */
  readonly position: number
  readonly decidedAt: number
  readonly sequence: number
  readonly heads: Heads
  readonly historyFrom: number
  /** The last block whose logs are in the index. */
  readonly indexed: number
  /** Of a switch that is not made to its end. */
  readonly plan?: SwitchPlan | undefined
}

/** Waits for the first record of a feed that is still empty.
 *  @throws Fault replica/foreign-genesis, feed/replaced, feed/too-old, feed/foreign, feed/unsupported-setting, store/foreign */
export async function standingOf(
  store: Store,
  genesis: Genesis,
  log: RecordLog,
  signal: AbortSignal,
): Promise<Standing> {
  // Also where a kill came between the store and its first feed state.
  if (store.identity() === undefined || !hasFeedState(store)) await makeStore(store, genesis, log, signal)
  await matchFeed(store, genesis, log)
  return standingIn(store)
}

/** Of a store that is there and matches its feed. */
export function standingIn(store: Store): Standing {
  const snapshot = store.snapshot()
  try {
    return restore(snapshot)
  } finally {
    snapshot.release()
  }
}

function hasFeedState(store: Store): boolean {
  const snapshot = store.snapshot()
  try {
    return snapshot.machine() !== undefined
  } finally {
    snapshot.release()
  }
}

async function makeStore(store: Store, genesis: Genesis, log: RecordLog, signal: AbortSignal): Promise<void> {
  const { first } = await log.bounds()
  if (first > 0) {
    throw new Fault(
      'feed/too-old',
      `the feed begins at position ${first}: its beginning is gone, and this store is empty`,
      { first },
    )
  }
  for await (const records of log.tail(0, signal)) {
    const [beginning] = records
    assert(beginning !== undefined, 'a tail gives records')
    const machine = createFeedMachine()
    const [effect] = machine.step(0, decodeRecord(beginning.bytes))
    assert(effect?.kind === 'adopted', 'the first record of a feed is adopted')
    const { generation, cluster } = effect
    matchGenesis(generation, genesis)
    const identity = {
      cluster,
      chainId: generation.chainId,
      genesisHash: generation.base.hash,
      generation: generation.generation,
      feed: await log.identity(),
    }
    store.initialise(identity, { ...genesis, header: headerFromRlp(generation.baseHeader) })
    const lastDigest = keccak256(beginning.bytes)
    const state = encodeFeedState({ decidedAt: 0, lastDigest, machine: machine.encode() })
    store.commit((writer) => writer.setMachine(1, state))
    return
  }
  signal.throwIfAborted()
}

function matchGenesis(generation: Generation, genesis: Genesis): void {
  const root = toHex(genesis.header.stateRoot)
  if (generation.chainId === genesis.config.chainId && generation.baseStateRoot === root) return
  throw new Fault(
    'replica/foreign-genesis',
    `the feed is of chain ${generation.chainId} with genesis state ${generation.baseStateRoot}; the genesis file says chain ${genesis.config.chainId} with ${root}. Give the file that the masters use`,
    { feedChainId: String(generation.chainId), fileChainId: String(genesis.config.chainId) },
  )
}

/** The feed is the one that the store was made from. @throws Fault replica/foreign-genesis, feed/replaced, feed/too-old */
export async function matchFeed(store: Store, genesis: Genesis, log: RecordLog): Promise<void> {
  const identity = store.identity()
  assert(identity !== undefined, 'the store has been made')
  if (identity.chainId !== genesis.config.chainId) {
    throw new Fault(
      'replica/foreign-genesis',
      `the store is of chain ${identity.chainId}, the genesis file of chain ${genesis.config.chainId}: one of the two is the wrong one`,
    )
  }
  const snapshot = store.snapshot()
  const { position } = snapshot
  const stored = snapshot.machine()
  snapshot.release()
  assert(stored !== undefined, 'a store is filled from its feed')
  const feed = await log.identity()
  const { first, next } = await log.bounds()
  if (first > position) {
    throw new Fault(
      'feed/too-old',
      `the store has read the feed to ${position}, which now begins at ${first}: remove the store's folder and start from a newer copy`,
      { first, position },
    )
  }
  const { lastDigest } = decodeFeedState(stored)
  if (feed === identity.feed && next >= position && (await isLast(log, first, position, lastDigest))) return
  throw new Fault(
    'feed/replaced',
    `the feed is not the one that this store was made from (${identity.feed}, read to ${position}): remove the store's folder to fill it again`,
    { feed, next, position },
  )
}

/** The last record that was taken is still the one at its place, where it is kept. */
async function isLast(log: RecordLog, first: number, position: number, digest: Uint8Array): Promise<boolean> {
  if (position - 1 < first) return true
  const [record] = await log.read(position - 1, { maxBytes: 1 })
  return record !== undefined && equalBytes(keccak256(record.bytes), digest)
}

function restore(snapshot: Snapshot): Standing {
  const stored = snapshot.machine()
  assert(stored !== undefined, 'a store is filled from its feed')
  const { decidedAt, machine: bytes } = decodeFeedState(stored)
  const plan = planIn(snapshot)
  const machine = restoreFeedMachine(bytes, canonicalOf(snapshot, plan))
  const { position, sequence, heads, historyFrom, indexed } = snapshot
  const beside = machine.side().map(({ block }) => block.hash)
  const shelf = new SideShelf(snapshot, beside, machine.unfinished())
  return { machine, shelf, position, decidedAt, sequence, heads, historyFrom, indexed, plan }
}

/** The chain that the machine stands on: in the middle of a switch, that of its end. */
function canonicalOf(snapshot: Snapshot, plan: SwitchPlan | undefined): BlockRef[] {
  const { head, finalized } = snapshot.heads
  const kept = plan === undefined ? head.number : branchesAt(plan)
  const added = plan?.apply ?? []
  const from = Math.max(snapshot.chainFrom, rememberedFrom(finalized.number, kept + added.length))
  const canonical = Array.from({ length: Math.max(0, kept - from + 1) }, (_, i) => {
    const hash = snapshot.hashAt(from + i)
    assert(hash !== undefined, 'every canonical block has its hash')
    return { number: from + i, hash }
  })
  return [...canonical, ...added]
}
