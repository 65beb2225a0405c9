/** `drover export`: the blocks of a store as a chain file. */
import { basename, dirname, join } from 'node:path'
import { installCommittedCore } from '#cli/process/core.ts'
import { bar, startProgress, timeLeft } from '#cli/process/progress.ts'
import { encodeBlock } from '#chain/block/block-rlp.ts'
import { Fault } from '#kernel/fault.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import type { DiskFile } from '#ports/storage/disk.ts'
import type { OptionTable } from '#ports/options.ts'
import { blocksIn, headerIn } from '#roles/master/client/chain-file.ts'
import { openStore } from '#state/open-store.ts'
import type { Store } from '#state/store.ts'
import { defineCommand } from './command.ts'

/** Of one snapshot, and one write. */
const BLOCKS_AT_ONCE = 64

const options = {
  dataPath: {
    flag: 'data',
    type: 'text',
    required: true,
    value: 'DIR',
    help: 'the folder of a master, a replica or an import; it may be running',
  },
  to: { flag: 'to', type: 'integer', value: 'BLOCK', help: 'the last block (else the head)' },
} as const satisfies OptionTable

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'writes the blocks of a store to a chain file',
  text: `
The file is blocks as RLP, one after another, the genesis not among them: what drover import and execution clients read. A file that is there
already is gone on with after its last block.
  drover export chain.rlp --data ./r1`,
  options,
  async run({ values, operands }) {
    const [path, ...more] = operands
    if (path === undefined || more.length > 0)
      throw new Fault(
        'options/missing',
        'drover export takes one file to write: drover export chain.rlp --data ./r1',
      )
    installCommittedCore()
    const kv = openLmdb({ path: join(values.dataPath, 'store'), mode: 'reader', durable: false })
    const file = await createDisk(dirname(path)).open(basename(path))
    try {
      const store = openStore(kv, { compress: createZstd() })
      const { first, head } = reach(store)
      const to = Math.min(values.to ?? head, head)
      const whole = await lastIn(file, store)
      await file.truncate(whole.end)
      const progress = startProgress(process.stderr)
      const startedMs = performance.now()
      const from = whole.number === undefined ? first + 1 : whole.number + 1
      let at = whole.end
      for (let number = from; number <= to; ) {
        const blocks = read(store, number, Math.min(to, number + BLOCKS_AT_ONCE - 1))
        await file.write(at, blocks)
        at += blocks.reduce((sum, { length }) => sum + length, 0)
        number += blocks.length
        const [done, of] = [number - from, to - from + 1]
        progress.show(
          () =>
            `${bar(done, of)}  block ${number - 1}  ${timeLeft(done, of, performance.now() - startedMs)} left`,
        )
      }
      await file.sync()
      progress.end(`${path} holds the blocks up to ${Math.max(to, from - 1)}`)
    } finally {
      await file.close()
      await kv.close()
    }
  },
})

function reach(store: Store): { first: number; head: number } {
  const snapshot = store.snapshot()
  try {
    return { first: snapshot.chainFrom, head: snapshot.heads.head.number }
  } finally {
    snapshot.release()
  }
}

function read(store: Store, from: number, to: number): Uint8Array[] {
  const snapshot = store.snapshot()
  try {
    const blocks: Uint8Array[] = []
    for (let number = from; number <= to; number++) {
      const block = snapshot.block(number)
      if (block === undefined)
        throw new Fault(
          'export/reorganised',
          `block ${number} left the chain while it was written: run it again`,
          {
            number,
          },
        )
      blocks.push(encodeBlock(block))
    }
    return blocks
  } finally {
    snapshot.release()
  }
}

/** The last block of the file that is the store's too, and where it ends: what comes after is written again. */
async function lastIn(
  file: DiskFile,
  store: Store,
): Promise<{ readonly number: number | undefined; readonly end: number }> {
  let last: { number: number | undefined; end: number } = { number: undefined, end: 0 }
  try {
    for await (const found of blocksIn(file)) {
      const { number, hash } = headerIn(found)
      if (hashAt(store, number) !== hash) break
      last = { number, end: found.end }
    }
  } catch (thrown) {
    // Killed within a block, or never a chain file: then nothing of it is known, and it is not touched.
    if (!(thrown instanceof Fault) || thrown.code !== 'import/malformed') throw thrown
  }
  if (last.number === undefined && (await file.size()) > 0)
    throw new Fault(
      'export/foreign',
      'the file holds something else than blocks of this store: give another name',
    )
  return last
}

function hashAt(store: Store, number: number): string | undefined {
  const snapshot = store.snapshot()
  try {
    return snapshot.hashAt(number)
  } finally {
    snapshot.release()
  }
}
