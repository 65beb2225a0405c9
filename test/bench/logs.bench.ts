/**
 * eth_getLogs over blocks of profile M1: with the index of logs against the scan by blooms, on one store before and after its index is written.
 * CPU for each log returned, and for each block of the range where nothing matches. Flag: --blocks.
 */
import '#test/support/core.ts'
import { fromUtf8, toHex } from '#kernel/bytes.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { logMethods } from '#roles/replica/methods/logs.ts'
import { createResultCache } from '#roles/replica/answer/result-cache.ts'
import { openStore } from '#state/open-store.ts'
import type { Store } from '#state/store.ts'
import { stored } from '#state/testing/stored.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Bench, BenchRow } from './bench.ts'
import { createBlocks } from './m1/blocks.ts'
import { createMeters } from './m1/cpu.ts'
import { genesis, identity, preloadedStores, removeStores } from './m1/preload.ts'
import { addressOf, createWorld, slotKey } from './m1/world.ts'

/** The state does not matter: logs have tables of their own. */
const SLOTS = 10_000
const ROUNDS = 7
/** In one reading of the clock, whose steps are coarse. */
const INDEXED_REPEATS = 20

export const bench: Bench = {
  name: 'logs',
  summary: 'CPU of eth_getLogs with the index of logs, against the scan by blooms',
  flags: ['blocks'],
  async run({ flags, quick, say }) {
    const blocks = wholeFlag(flags, 'blocks', quick ? 200 : 1_000)
    const { folder, paths } = await preloadedStores(SLOTS, ['logs'], say)
    const kv = openLmdb({ path: paths[0] as string, mode: 'writer', durable: false })
    try {
      const store = openStore(kv, { compress: stored })
      store.initialise(identity, genesis)
      const next = createBlocks(createWorld(SLOTS), genesis.header)
      for (let i = 0; i < blocks; i++) {
        const frame = next()
        store.commit((writer) => writer.apply(frame))
      }
      const scanned = measure(store, blocks, 'scan by blooms')
      while (!indexSome(store));
      return { rows: [...measure(store, blocks, 'index'), ...scanned] }
    } finally {
      await kv.close()
      removeStores(folder)
    }
  },
}

function indexSome(store: Store): boolean {
  let isDone = false
  store.commit((writer) => {
    isDone = writer.index(10_000)
  })
  return isDone
}

function measure(store: Store, blocks: number, server: string): BenchRow[] {
  const toBlock = `0x${blocks.toString(16)}`
  const few = { fromBlock: `0x${(blocks - 15).toString(16)}`, toBlock }
  const all = { fromBlock: '0x1', toBlock }
  const transfer = toHex(slotKey(0, 0))
  const rare = toHex(addressOf(180))
  const queries = {
    'common event, 16 blocks': { ...few, topics: [transfer] },
    'rare contract, all blocks': { ...all, address: rare },
    'rare contract and common event, all blocks': { ...all, address: rare, topics: [transfer] },
    'nothing, all blocks': { ...all, address: toHex(addressOf(1_000_000)) },
  }
  return Object.entries(queries).flatMap(([what, filter]) => {
    const meters = createMeters()
    const logs = (JSON.parse(fromUtf8(getLogs(store, filter))) as unknown[]).length
    const repeats = server === 'index' ? INDEXED_REPEATS : 1
    const repeat = (): void => {
      for (let i = 0; i < repeats; i++) getLogs(store, filter)
    }
    for (let round = 0; round < ROUNDS; round++) meters.time(what, server, repeat)
    return meters.rows().map((row) => {
      const us = (row.us ?? 0) / repeats
      return { what, server, us, logs, us_per_log: logs === 0 ? undefined : us / logs, blocks }
    })
  })
}

/** The answer's bytes, as they are sent. */
function getLogs(store: Store, filter: object): Uint8Array {
  const snapshot = store.snapshot()
  const { head, safe, finalized } = snapshot.heads
  try {
    return logMethods.eth_getLogs([filter], {
      snapshot,
      head: { position: 0, head, safe, finalized },
      announcedNumber: head.number,
      config: genesis.config,
      gasMax: 0n,
      timeMaxMs: 0,
      cache: createResultCache(0, createMeterRegistry()),
      expired: () => false,
      spent: undefined,
    }).bytes
  } finally {
    snapshot.release()
  }
}
