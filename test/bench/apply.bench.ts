/**
 * A block of profile M1 through the production applier (encoded frame → decode → check → commit), its serve and index transactions apart,
 * against bare puts of the same rows into a store of the same size, block by block in turn; with --trie 1 beside the same on a store with a
 * state trie. Flags: --slots, --blocks, --trie.
 * To see where the time goes: `npx node --cpu-prof --cpu-prof-dir=/tmp/prof tools/bench.ts apply --slots 1000000`, then load the file
 * in a browser's profiler.
 */
import '#test/support/core.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import type { StoreWriter } from '#state/store.ts'
import { wholeFlag } from '#tools/flags.ts'
import { type Bench, type BenchOptions, type BenchRow } from './bench.ts'
import { rowsOf, writeRows } from './m1/bare.ts'
import { createBlocks } from './m1/blocks.ts'
import { createMeters } from './m1/cpu.ts'
import { genesis, preloadedStores, removeStores } from './m1/preload.ts'
import { recordsOf, startReplica } from './m1/replica.ts'
import { rootAfter } from './m1/root-after.ts'
import { createWorld } from './m1/world.ts'

/** More than a block has. */
const ROWS_MAX = 100_000

export const bench: Bench = {
  name: 'apply',
  summary: 'CPU of applying a block of M1, against bare puts of the same rows',
  flags: ['slots', 'blocks', 'trie'],
  async run(options) {
    const slots = wholeFlag(options.flags, 'slots', options.quick ? 500_000 : 10_000_000)
    const blocks = wholeFlag(options.flags, 'blocks', options.quick ? 60 : 200)
    const { folder, paths } = await preloadedStores(slots, ['drover', 'bare', 'rows'], options.say)
    const proven =
      options.flags['trie'] === undefined
        ? undefined
        : await preloadedStores(slots, ['trie'], options.say, 'trie')
    try {
      return { rows: await measure({ slots, blocks }, [...paths, ...(proven?.paths ?? [])], options) }
    } finally {
      removeStores(folder)
      if (proven !== undefined) removeStores(proven.folder)
    }
  },
}

interface Sizes {
  readonly slots: number
  readonly blocks: number
}

async function measure(
  { slots, blocks }: Sizes,
  paths: readonly string[],
  { quick, say }: BenchOptions,
): Promise<BenchRow[]> {
  const horizonBlocks = quick ? 32 : 128
  // History is as long as it gets, and code is compiled, before anything counts.
  const warming = horizonBlocks + 32
  const compress = createZstd()
  const stores = paths.map((path) => openLmdb({ path, mode: 'writer', durable: false }))
  const [drover, bare, watched, proven] = stores
  if (drover === undefined || bare === undefined || watched === undefined)
    throw new Error('three stores are opened')
  const options = { horizon: { kind: 'blocks', blocks: horizonBlocks }, compress } as const
  const replica = await startReplica(drover, options)
  const withTrie = proven && (await startReplica(proven, options))
  const next = createBlocks(createWorld(slots), genesis.header, {
    rootOf: proven && rootAfter(proven, compress),
  })
  const meters = createMeters()
  for (let i = 0; i < warming + blocks; i++) {
    const frame = next()
    const records = recordsOf(frame, frame, compress)
    const timed = i >= warming ? meters : createMeters()
    const droverTurn = (): void => {
      timed.time('serve transaction', 'replica', () => replica.take(records))
      timed.time('index transaction', 'replica', () => replica.tidy())
    }
    const bareTurn = (): void => {
      const serve = rowsOf(watched, (writer) => writer.apply(frame), compress)
      timed.time('serve transaction', 'bare lmdb', () => writeRows(bare, serve))
      const from = Math.max(0, i + 1 - horizonBlocks)
      const tidy = (writer: StoreWriter): void => {
        writer.index(ROWS_MAX)
        writer.pruneHistory(from, ROWS_MAX)
      }
      const index = rowsOf(watched, tidy, compress)
      timed.time('index transaction', 'bare lmdb', () => writeRows(bare, index))
    }
    const trieTurn = (): void => {
      timed.time('serve transaction', 'replica --trie', () => withTrie?.take(records))
      timed.time('index transaction', 'replica --trie', () => withTrie?.tidy())
    }
    const turns = [droverTurn, bareTurn, ...(withTrie === undefined ? [] : [trieTurn])]
    for (const turn of i % 2 === 0 ? turns : turns.reverse()) turn()
    if ((i + 1) % 50 === 0) say(`${i + 1} of ${warming + blocks} blocks`)
  }
  await Promise.all(stores.map((store) => store.close()))
  return meters.rows().map((row) => ({ ...row, slots }))
}
