/**
 * How far back state can be read, as an operator says it: so many blocks, a time by the chain's clock, a size of the history, or everything.
 * Whatever it says, what is not final is kept, because it may have to be undone.
 */
import { assert } from '#kernel/assert.ts'
import type { Horizon } from '#ports/options.ts'
import type { Snapshot } from '#state/snapshot.ts'

/** Of a size that is too large: so many blocks are dropped before it is looked at again. */
const BLOCKS_AT_ONCE = 16
/** Between two blocks, where a store has too few to tell. */
const LEAST_BLOCK_SECONDS = 1
/** What history of a block takes at least, where nobody knows: an empty block's. */
const LEAST_BLOCK_BYTES = 4_096
const SAMPLE_BLOCKS = 100

type Reads = Pick<Snapshot, 'heads' | 'historyFrom' | 'chainFrom' | 'header'>

/** The oldest block whose state must be kept by `horizon`; not below what is kept now.
 *  @param historyBytes what history takes now */
export function oldestKept(horizon: Horizon, snapshot: Reads, historyBytes: () => number): number {
  const { heads, historyFrom } = snapshot
  return Math.max(historyFrom, Math.min(heads.finalized.number, wanted(horizon, snapshot, historyBytes)))
}

function wanted(horizon: Horizon, snapshot: Reads, historyBytes: () => number): number {
  const head = snapshot.heads.head.number
  switch (horizon.kind) {
    case 'blocks':
      return head - horizon.blocks
    case 'time':
      return firstAfter(snapshot, secondsOf(snapshot, head) - horizon.seconds) - 1
    case 'bytes':
      return snapshot.historyFrom + (historyBytes() > horizon.bytes ? BLOCKS_AT_ONCE : 0)
    case 'all':
      return snapshot.historyFrom
  }
}

/** The first block above historyFrom that is younger than `seconds`, by halving: no block is older than its parent. */
function firstAfter(snapshot: Reads, seconds: number): number {
  let low = snapshot.historyFrom + 1
  let high = snapshot.heads.head.number
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (secondsOf(snapshot, middle) > seconds) high = middle
    else low = middle + 1
  }
  return low
}

/** About how many blocks below the head a store that is far behind needs history of: rather more than fewer. */
export function blocksWithHistory(horizon: Horizon, snapshot: Reads): number {
  switch (horizon.kind) {
    case 'blocks':
      return horizon.blocks
    case 'time':
      return Math.ceil(horizon.seconds / blockSeconds(snapshot))
    case 'bytes':
      return Math.ceil(horizon.bytes / LEAST_BLOCK_BYTES)
    case 'all':
      return Number.POSITIVE_INFINITY
  }
}

/** Half of what it was lately: blocks may come faster where a chain changed its pace. */
function blockSeconds(snapshot: Reads): number {
  const { number } = snapshot.heads.head
  const from = Math.max(snapshot.chainFrom + 1, number - SAMPLE_BLOCKS)
  if (from >= number) return LEAST_BLOCK_SECONDS
  const each = (secondsOf(snapshot, number) - secondsOf(snapshot, from)) / (number - from)
  return each > 0 ? each / 2 : LEAST_BLOCK_SECONDS
}

function secondsOf(snapshot: Reads, number: number): number {
  const header = snapshot.header(number)
  assert(header !== undefined, 'blocks from historyFrom to the head are stored')
  return header.timestamp
}
