/**
 * What the chain does in one run: which block is the head, for whom, and when. One canonical branch grows; sometimes it is reorganised (to
 * depth 8 or 64, onto a longer, equal or shorter branch), sometimes clients see two branches for a while, until one of them loses. What is
 * finalized is on every branch. `settle` ends all that: one branch, which only grows.
 */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import type { World } from '#sim/world/world.ts'
import type { BlockBuilder, BuiltBlock } from './block-builder.ts'

/** What an execution client is told by its consensus client. */
export interface ClientView {
  readonly head: BuiltBlock
  readonly safe: BuiltBlock
  readonly finalized: BuiltBlock
}

export interface ConsensusOptions {
  readonly blockMs: number
  readonly clients: number
  /** Chances a slot. */
  readonly reorg: number
  readonly split: number
  readonly missed: number
  readonly finalize: number
  readonly depths: Depths
}

/** How deep reorganisations go, and how far behind the head finality stays so that they can. */
export interface Depths {
  readonly reorgMax: number
  readonly finalLag: { readonly min: number; readonly max: number }
  /** Blocks that are there before the run begins. */
  readonly firstBlocks: number
}

export interface Consensus {
  start(): void
  /** From now on one branch grows, a block each `blockMs`, and nothing is reorganised. */
  settle(blockMs: number): void
  /** No block any more. */
  stop(): void
  canonical(): ClientView
  /** On the canonical branch, and once called safe: a branch that was left and came back may be called safe to a lower block than before. */
  wasSafe(hash: string): boolean
  /** The highest number that any branch ever had. */
  highest(): number
  view(client: number): ClientView
  onNews(told: (client: number) => void): void
  /** Any block that was ever built in this run. */
  block(hash: string): BuiltBlock | undefined
}

export const SHALLOW: Depths = { reorgMax: 8, finalLag: { min: 2, max: 9 }, firstBlocks: 0 }
export const DEEP: Depths = { reorgMax: 64, finalLag: { min: 48, max: 72 }, firstBlocks: 66 }
const SPLIT_SLOTS_MAX = 5

interface Branch {
  tip: BuiltBlock
}

export function createConsensus(options: ConsensusOptions, builder: BlockBuilder, world: World): Consensus {
  const random = world.random.child('consensus')
  const blocks = new Map<string, BuiltBlock>([[builder.first.hash, builder.first]])
  const listeners: ((client: number) => void)[] = []
  const main: Branch = { tip: builder.first }
  let other: (Branch & { readonly clients: ReadonlySet<number>; slotsLeft: number }) | undefined
  let safe = builder.first
  const calledSafe = new Set<BuiltBlock>()
  let finalized = builder.first
  const { depths } = options
  let { blockMs } = options
  let highest = 0
  let mode: 'wild' | 'settled' | 'stopped' = 'wild'

  const grow = (branch: Branch): void => {
    branch.tip = builder.next(branch.tip, random)
    highest = Math.max(highest, branch.tip.number)
    blocks.set(branch.tip.hash, branch.tip)
  }
  const tell = (): void => {
    for (let client = 0; client < options.clients; client++) for (const told of listeners) told(client)
  }
  /** A branch of `length` blocks that leaves the main one `depth` blocks below its tip. */
  const branchOff = (depth: number, length: number): BuiltBlock => {
    const branch: Branch = { tip: ancestor(main.tip, depth) }
    const instead = depth === 0 ? undefined : ancestor(main.tip, depth - 1)
    const fork = branch.tip
    do {
      branch.tip = fork
      grow(branch)
    } while (branch.tip === instead)
    for (let i = 1; i < length; i++) grow(branch)
    return branch.tip
  }
  const depthMax = (): number => Math.min(depths.reorgMax, main.tip.number - finalized.number)

  const reorganise = (): void => {
    const depth = random.between(1, depthMax())
    const length = Math.max(1, depth + random.between(-2, 2))
    main.tip = branchOff(depth, length)
    world.trace.line('chain', `reorganisation of ${depth} blocks onto ${length}: ${describe(main.tip)}`)
  }
  const splitUp = (): void => {
    const clients = new Set<number>()
    for (let client = 0; client < options.clients; client++) if (random.chance(0.5)) clients.add(client)
    const depth = random.between(0, Math.min(2, depthMax()))
    other = { tip: main.tip, clients, slotsLeft: random.between(1, SPLIT_SLOTS_MAX) }
    if (depth > 0) other.tip = branchOff(depth, random.between(1, depth))
    world.trace.line('chain', `clients ${[...clients].join(', ')} see another branch: ${describe(other.tip)}`)
  }
  const unite = (): void => {
    if (other !== undefined && (other.tip.number > main.tip.number || random.chance(0.4)))
      main.tip = other.tip
    other = undefined
    world.trace.line('chain', `all see one branch: ${describe(main.tip)}`)
  }
  const finalise = (): void => {
    const lowest = other === undefined ? main.tip : common(main.tip, other.tip)
    const to = ancestor(
      lowest,
      Math.min(lowest.number, random.between(depths.finalLag.min, depths.finalLag.max)),
    )
    if (to.number > finalized.number) finalized = to
  }
  const wildSlot = (): void => {
    if (other !== undefined) {
      if (--other.slotsLeft < 0) return unite()
      grow(main)
      if (random.chance(0.7)) grow(other)
      // Two branches with the same blocks are none.
      if (other.tip === main.tip) other = undefined
      return
    }
    if (random.chance(options.missed)) return
    if (depthMax() > 0 && random.chance(options.reorg)) reorganise()
    else if (depthMax() > 0 && options.clients > 1 && random.chance(options.split)) splitUp()
    else grow(main)
  }
  const slot = (): void => {
    if (mode === 'stopped') return
    if (mode === 'wild') wildSlot()
    else grow(main)
    if (random.chance(options.finalize)) finalise()
    const candidate = ancestor(main.tip, random.between(0, Math.min(3, main.tip.number - finalized.number)))
    // A client's safe block goes down only with its branch.
    if (candidate.number > safe.number || ancestorAt(main.tip, safe.number) !== safe) safe = candidate
    calledSafe.add(safe)
    world.trace.line(
      'chain',
      `head ${describe(main.tip)}, safe ${safe.number}, finalized ${finalized.number}`,
    )
    tell()
    world.scheduler.after(blockMs * (0.7 + 0.6 * random.unit()), undefined, slot)
  }
  const viewOf = (branch: Branch): ClientView => {
    const isOn = ancestorAt(branch.tip, safe.number) === safe
    return { head: branch.tip, safe: isOn ? safe : finalized, finalized }
  }

  for (let i = 0; i < depths.firstBlocks; i++) grow(main)

  return {
    start: () => void world.scheduler.after(blockMs, undefined, slot),
    settle(nextMs) {
      blockMs = nextMs
      if (other !== undefined) unite()
      mode = 'settled'
      tell()
    },
    stop() {
      mode = 'stopped'
    },
    canonical: () => viewOf(main),
    wasSafe(hash) {
      const block = blocks.get(hash)
      return block !== undefined && calledSafe.has(block) && ancestorAt(main.tip, block.number) === block
    },
    highest: () => highest,
    view: (client) => viewOf(other?.clients.has(client) === true ? other : main),
    onNews: (told) => void listeners.push(told),
    block: (hash) => blocks.get(hash),
  }
}

/** `depth` blocks below. */
export function ancestor(block: BuiltBlock, depth: number): BuiltBlock {
  let at = block
  for (let i = 0; i < depth; i++) {
    assert(at.parent !== undefined, 'nothing is below the first block')
    at = at.parent
  }
  return at
}

/** The block of this branch at a number; undefined above its tip. */
export function ancestorAt(block: BuiltBlock, number: number): BuiltBlock | undefined {
  return number > block.number || number < 0 ? undefined : ancestor(block, block.number - number)
}

/** The last block of both branches. */
export function common(a: BuiltBlock, b: BuiltBlock): BuiltBlock {
  let [high, low] = a.number > b.number ? [a, b] : [b, a]
  high = ancestor(high, high.number - low.number)
  while (high !== low) {
    high = high.parent as BuiltBlock
    low = low.parent as BuiltBlock
  }
  return high
}

export function describe({ number, hash }: { readonly number: number; readonly hash: BlockHash }): string {
  return `${number} ${hash.slice(2, 8)}`
}
