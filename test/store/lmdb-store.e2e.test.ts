/** The store on LMDB across threads and processes: what memory cannot show. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { type LmdbKeyValue, openLmdb } from '#platform/lmdb/key-value.ts'
import { openStore } from '#state/open-store.ts'
import { command, runAgainstModel } from '#state/testing/state-model.ts'
import { stored } from '#state/testing/stored.ts'
import { builder, checkWhole, countingBlock, openCounting } from './counting-chain.ts'

/** By a reader beside the writer, before it is enough. */
const COMMITS_SEEN = 50

const directory = mkdtempSync(join(tmpdir(), 'drover-store-'))
after(() => rmSync(directory, { recursive: true }))

test('on LMDB too, every block within the horizon reads as it was, through closing and opening', async () => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
      const path = join(directory, `model-${runs++}`)
      let kv: LmdbKeyValue | undefined
      await runAgainstModel(
        {
          open() {
            kv = openLmdb({ path, mode: 'writer', durable: false })
            return openStore(kv, { compress: stored })
          },
          close: () => kv?.close() ?? Promise.resolve(),
        },
        commands,
      )
      await kv?.close()
    }),
    { numRuns: 20 },
  )
})

test('a reader in another thread sees every snapshot whole and none twice in the wrong order', async () => {
  const path = join(directory, 'threads')
  const { kv, store } = openCounting(path, 'writer')
  // To stop it, and how many commits it saw.
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(new URL('./reading-thread.ts', import.meta.url), { workerData: { path, shared } })
  const ended = once(worker, 'exit')
  let isReading = true
  worker.once('error', () => (isReading = false))
  let parent: Parameters<typeof countingBlock>[0] = builder.genesis
  while (isReading && Atomics.load(shared, 1) < COMMITS_SEEN) {
    const frame = countingBlock(parent)
    store.commit((writer) => writer.apply(frame))
    parent = frame.block
    await sleep(0)
  }
  Atomics.store(shared, 0, 1)
  assert.deepEqual(await ended, [0])
  assert.ok(Atomics.load(shared, 1) >= COMMITS_SEEN)
  await kv.close()
})

test('a writer that is killed at any moment leaves a store at a whole block, which goes on from there', async () => {
  const path = join(directory, 'killed')
  let highest = 0
  for (const commits of [1, 2, 7, 20, 40]) {
    const child = spawn(process.execPath, [new URL('./writing-process.ts', import.meta.url).pathname, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let seen = 0
    const begun = new Promise<void>((resolve) => {
      child.stdout.on('data', (bytes: Uint8Array) => {
        seen += bytes.length
        if (seen >= commits) resolve()
      })
    })
    await Promise.race([begun, exited])
    assert.ok(seen >= commits, 'the writer commits until it is killed')
    await sleep(3 * Math.random())
    child.kill('SIGKILL')
    assert.deepEqual(await exited, [null, 'SIGKILL'])
    const { kv, store } = openCounting(path, 'writer')
    const snapshot = store.snapshot()
    highest = Math.max(highest, checkWhole(snapshot))
    snapshot.release()
    await kv.close()
  }
  assert.ok(highest > 10, `the writers reached block ${highest}`)
})
