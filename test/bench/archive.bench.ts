/**
 * A replica that drops nothing, over very many small blocks: what history takes of the disk for each key that a block changed, what reading
 * at a random depth costs against reading the same keys at the head, and whether memory and the time of a block stay where they were. Flags:
 * --slots, --blocks. A run takes minutes: to give its cores to others in between, stop and continue its process (SIGSTOP, SIGCONT).
 */
import '#test/support/core.ts'
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { createZstd } from '#platform/compress/zstd.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import type { KeyValue, Table } from '#ports/storage/key-value.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Bench, BenchOptions, BenchRow } from './bench.ts'
import { createBlocks, type Profile } from './m1/blocks.ts'
import { createMeters } from './m1/cpu.ts'
import { genesis, preloadedStores, removeStores } from './m1/preload.ts'
import { type BenchReplica, recordsOf, startReplica } from './m1/replica.ts'
import { addressOf, createRandom, createWorld, slotKey, type World, zipf } from './m1/world.ts'

/** A fortieth of M1: what is measured is each key, and how many blocks there are. */
const PROFILE: Profile = { transactions: 4, accounts: 12, slots: 24, logs: 10 }
const SAMPLES = 50
/** Of a plot, a line each. */
const PLOT_LINES = 8
const READS = 20_000
/** Of one snapshot. */
const READS_AT_ONCE = 100
const FINAL_BELOW_HEAD = 64

type Figure = 'anonymous_mb' | 'objects_mb' | 'block_us'
type Sample = BenchRow & { readonly [figure in Figure | 'after_blocks']: number }

export const bench: Bench = {
  name: 'archive',
  summary: 'an archive of very many small blocks: bytes a changed key, reads at random depth, memory',
  flags: ['slots', 'blocks'],
  async run(options) {
    const slots = wholeFlag(options.flags, 'slots', 500_000)
    const blocks = wholeFlag(options.flags, 'blocks', options.quick ? 4_000 : 100_000)
    const { folder, paths } = await preloadedStores(slots, ['archive'], options.say)
    try {
      return { rows: await measure({ slots, blocks }, paths[0] as string, options.say) }
    } finally {
      removeStores(folder)
    }
  },
}

async function measure(
  { slots, blocks }: { readonly slots: number; readonly blocks: number },
  path: string,
  say: BenchOptions['say'],
): Promise<BenchRow[]> {
  const compress = createZstd()
  const kv = openLmdb({ path, mode: 'writer', durable: false })
  const replica = await startReplica(kv, { horizon: { kind: 'all' }, compress })
  const world = createWorld(slots)
  const next = createBlocks(world, genesis.header, { profile: PROFILE })
  const recent: ReturnType<typeof next>[] = []
  const meters = createMeters()
  const memory: Sample[] = []
  const every = Math.ceil(blocks / SAMPLES)
  let sinceSampleUs = 0
  for (let i = 1; i <= blocks; i++) {
    const frame = next()
    recent.push(frame)
    const records = recordsOf(frame, recent.length > FINAL_BELOW_HEAD ? recent.shift() : undefined, compress)
    const before = process.threadCpuUsage()
    meters.time('serve transaction', 'replica', () => replica.take(records))
    meters.time('index and moving history', 'replica', () => replica.tidy())
    const { user, system } = process.threadCpuUsage(before)
    sinceSampleUs += user + system
    // Timers that lmdb sets with each transaction would pile up: a replica waits for its next block, and they go.
    if (i % 20 === 0) await setImmediate()
    if (i % every !== 0) continue
    const sample = { after_blocks: i, ...megabytes(), block_us: Math.round(sinceSampleUs / every) }
    memory.push({ what: 'memory and CPU of a block until then', server: 'replica', ...sample })
    sinceSampleUs = 0
    say(`${i} of ${blocks} blocks`)
  }
  for (const figure of ['anonymous_mb', 'objects_mb', 'block_us'] as const)
    for (const line of plot(figure, memory)) say(line)
  const rows = [
    ...meters.rows(),
    ...memory,
    ...sizes(kv, blocks * (PROFILE.accounts + PROFILE.slots)),
    ...reads(replica, world, blocks),
  ]
  await kv.close()
  return rows
}

/** What it was after each part of the run, from the left to the right, from zero to the most. */
function plot(figure: Figure, samples: readonly Sample[]): string[] {
  const most = Math.max(...samples.map((sample) => sample[figure]))
  const line = (i: number): string => {
    const level = ((PLOT_LINES - i) * most) / PLOT_LINES
    const dots = samples.map((sample) => (sample[figure] > level - most / PLOT_LINES ? '#' : ' ')).join('')
    return `${String(Math.round(level)).padStart(6)} |${dots}`.trimEnd()
  }
  const last = samples.at(-1)?.after_blocks ?? 0
  return [
    `${figure} over ${last} blocks`,
    ...Array.from({ length: PLOT_LINES }, (_, i) => line(i)),
    `     0 +${'-'.repeat(samples.length)}`,
  ]
}

/** Of the process, the map of the store left out, which is the kernel's to keep or not; and of objects (exact with `node --expose-gc`). */
function megabytes(): Pick<Sample, 'anonymous_mb' | 'objects_mb'> {
  global.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const found = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
  return {
    anonymous_mb: Math.round(Number(found?.[1] ?? Number.NaN) / 1_024),
    objects_mb: Math.round((heapUsed + external) / 1_048_576),
  }
}

function sizes(kv: KeyValue, keys: number): BenchRow[] {
  const size = (what: string, table: Table): BenchRow => ({
    ...{ what, server: 'replica', changed_keys: keys },
    bytes_per_key: Math.round(kv.bytes(table) / keys),
  })
  return [size('values before', 'history'), size('which keys a block changed', 'changes')]
}

function reads(replica: BenchReplica, world: World, blocks: number): BenchRow[] {
  const depths = [1, 100, 1_000, 10_000, 100_000].filter((depth) => depth < blocks)
  const rows = [readAt('slot at the head', () => 0)]
  for (const depth of depths) rows.push(readAt(`slot ${depth} blocks back`, () => depth))
  rows.push(readAt('slot at random depth', (random) => Math.floor(random() * blocks)))
  return rows

  function readAt(what: string, depthOf: (random: () => number) => number): BenchRow {
    const random = createRandom(7)
    const out = new Uint8Array(32)
    const keys = Array.from({ length: READS }, () => {
      const contract = zipf(random, world.contracts)
      const slot = Math.floor(random() * (world.slotsOf[contract] as number))
      return { address: addressOf(contract), key: slotKey(contract, slot), depth: depthOf(random) }
    })
    let found = 0
    const before = process.threadCpuUsage()
    for (let from = 0; from < READS; from += READS_AT_ONCE) {
      const snapshot = replica.snapshot()
      const head = snapshot.heads.head.number
      for (const { address, key, depth } of keys.slice(from, from + READS_AT_ONCE))
        found += snapshot.stateAt(head - depth).slot(address, key, out)
      snapshot.release()
    }
    const { user, system } = process.threadCpuUsage(before)
    if (found === 0) throw new Error('slots of the world are in the store')
    return { what, server: 'replica', us: Math.round((100 * (user + system)) / READS) / 100 }
  }
}
