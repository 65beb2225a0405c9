/** A feed without a client: what a master appends for each block of a generator, from the genesis on. */
import { refOf } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { toHex } from '#kernel/bytes.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { createBlocks, type Profile } from './blocks.ts'
import { record, recordsOf } from './replica.ts'
import { createWorld } from './world.ts'

const WORLD_SLOTS = 1_000_000
/** A block is final when so many stand above it. */
const FINAL_BELOW_HEAD = 64

export interface GeneratedFeed {
  readonly generation: Uint8Array
  /** Of the next block; endless. */
  next(): Uint8Array[]
}

export function generateFeed(genesis: Genesis, profile: Profile): GeneratedFeed {
  const { header, config } = genesis
  const compress = createZstd()
  const next = createBlocks(createWorld(WORLD_SLOTS), header, { profile })
  const recent: ReturnType<typeof next>[] = []
  return {
    generation: record({
      ...{ kind: 'generation', chainId: config.chainId, genesisHash: header.hash, generation: 1 },
      ...{ base: refOf(header), baseHeader: header.rlp, baseStateRoot: toHex(header.stateRoot) },
      settings: { agree: 1 },
    }),
    next() {
      const frame = next()
      recent.push(frame)
      if (recent.length > FINAL_BELOW_HEAD) recent.shift()
      return recordsOf(frame, recent.length === FINAL_BELOW_HEAD ? recent[0] : undefined, compress)
    },
  }
}
