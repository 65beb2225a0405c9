/** A replica on LMDB that is killed again and again while it takes blocks many at once. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { openStore } from '#state/open-store.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { allRows } from '#roles/replica/testing/history.ts'
import { farFeed, live } from './far-behind.ts'

const directory = mkdtempSync(join(tmpdir(), 'drover-catch-up-'))
after(() => rmSync(directory, { recursive: true }))

test('killed at any transaction while catching up, a store goes on and becomes row by row the one that was never stopped', async () => {
  const feed = await farFeed()
  const whole = memoryKeyValue()
  await live(feed, whole, 'one by one')
  const expected = allRows(whole)
  let betweenBlocks = 0
  // The first life makes the store; each further one starts where the one before it was killed.
  for (const [i, transactions] of [40, 3, 4, 5, 6, 7, 3, 4, 5].entries()) {
    const path = join(directory, 'killed')
    await killedAfter(path, transactions)
    const kv = openLmdb({ path, mode: 'writer', durable: false })
    const store = openStore(kv, { compress: stored })
    assert.ok(store.identity() !== undefined, 'the store was made before it was killed')
    const snapshot = store.snapshot()
    if (snapshot.catchingUpTo !== undefined) betweenBlocks++
    snapshot.release()
    if (i === 8) {
      await live(feed, kv, 8)
      assert.deepEqual(allRows(kv), expected)
    }
    await kv.close()
  }
  assert.ok(betweenBlocks > 0, 'some kill left the state between two blocks')
})

async function killedAfter(path: string, transactions: number): Promise<void> {
  const program = new URL('./catching-up-process.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, path, String(transactions)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  child.stdout.on('data', () => child.kill('SIGKILL'))
  assert.deepEqual(await exited, [null, 'SIGKILL'])
}
