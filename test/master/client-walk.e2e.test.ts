/** The client-facing half on a real anvil: identification, blocks by hash, and walks over branches, with a store that believes every block. */
import '#test/support/core.ts'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type BlockRef } from '#chain/block/block-ref.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import { refOf } from '#chain/block/frame.ts'
import { blockDifference } from '#chain/block/verify-block.ts'
import { devGenesis, DEV_ACCOUNTS } from '#cli/dev/genesis.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createHttpClient } from '#platform/http/client.ts'
import { createRandom } from '#platform/random/random.ts'
import { createWebSocketClient } from '#platform/web-socket/client.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createExecutionClient, type ExecutionClient } from '#roles/master/client/client.ts'
import { fetchBlock, fetchRef } from '#roles/master/client/fetch.ts'
import { identify } from '#roles/master/client/identify.ts'
import type { ExecutorDoor } from '#roles/master/execute/messages.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'
import { createWalk } from '#roles/master/client/walk.ts'
import { needs } from '#test/support/needs.ts'
import { Anvil } from './anvil.ts'

const skip = needs('anvil')
const dir = mkdtempSync(join(tmpdir(), 'drover-walk-'))
const genesisFile = join(dir, 'genesis.json')
const genesisText = JSON.stringify(devGenesis(1_700_000_000))
writeFileSync(genesisFile, genesisText)
after(() => rmSync(dir, { recursive: true, force: true }))

/** Keeps hashes only and refuses what is told to be refused. */
function believingExecutor(base: BlockRef, refusedNumber = -1): { door: ExecutorDoor; hashes: string[] } {
  const hashes: string[] = [base.hash]
  const answers: Record<string, (ask: never) => unknown> = {
    hashAt: ({ number }: { number: number }) => hashes[number],
    undoTo: ({ number }: { number: number }) => {
      hashes.length = number + 1
      return { number, hash: hashes[number] }
    },
    execute: ({ block }: { block: Parameters<typeof blockDifference>[0] }) => {
      assert.equal(blockDifference(block), undefined)
      assert.equal(block.header.parentHash, hashes.at(-1))
      const refusal = { block: refOf(block.header), field: 'gasUsed', expected: '1', computed: '2' }
      if (block.header.number === refusedNumber) return { refusal }
      hashes.push(block.header.hash)
      return { frame: { block: refOf(block.header) } }
    },
  }
  const door = { ask: async (kind: string, ask: never) => answers[kind]?.(ask) } as ExecutorDoor
  return { door, hashes }
}

async function withClient(
  url: (anvil: Anvil) => string,
  run: (anvil: Anvil, client: ExecutionClient) => Promise<void>,
) {
  const anvil = await Anvil.start(genesisFile)
  const http = createHttpClient()
  const parts = {
    clock: createClock(),
    random: createRandom(),
    http,
    webSocket: createWebSocketClient(),
    log: silent,
  }
  const client = createExecutionClient({ url: url(anvil), timeoutMs: 5_000 }, parts)
  const stop = new AbortController()
  const connected = Promise.withResolvers<void>()
  const ended = client.run(connected.resolve, stop.signal)
  try {
    await connected.promise
    await run(anvil, client)
  } finally {
    stop.abort()
    await ended
    http.close()
    await anvil.stop()
  }
}

async function walkOn(client: ExecutionClient, refusedNumber?: number) {
  const { baseHeader } = await identify(client, parseGenesis(genesisText))
  const { door, hashes } = believingExecutor(refOf(baseHeader), refusedNumber)
  const frames: number[] = []
  const heads: number[] = []
  const walk = createWalk(refOf(baseHeader), {
    client,
    executor: door,
    log: silent,
    metrics: createMasterMetrics(createMeterRegistry()),
    onFrame: async ({ block }, role) => {
      frames.push(block.number)
      if (role === 'head') heads.push(block.number)
    },
    onHead: async ({ number }) => void heads.push(number),
  })
  const toLatest = async () => {
    const target = await fetchRef(client, 'latest')
    assert.ok(target)
    return walk.advance(target, new AbortController().signal)
  }
  return { walk, hashes, frames, heads, toLatest }
}

for (const scheme of ['http', 'webSocket'] as const)
  test(`blocks of anvil over ${scheme} are what their headers say`, skip, () =>
    withClient(
      (anvil) => anvil[scheme],
      async (anvil, client) => {
        for (let value = 1; value <= 3; value++)
          await anvil.rpc('eth_sendTransaction', { from: DEV_ACCOUNTS[0], to: DEV_ACCOUNTS[1], value: '0x1' })
        await anvil.mine()
        const { hash } = await anvil.block(1)
        const block = await fetchBlock(client, hash as never)
        assert.ok(block)
        assert.equal(block.transactions.length, 3)
        assert.equal(block.header.hash, hash)
        assert.equal(blockDifference(block), undefined)
        assert.equal(await fetchBlock(client, `0x${'ab'.repeat(32)}` as never), undefined)
      },
    ),
  )

test('one look may stand for many blocks, and far behind they come in windows', skip, () =>
  withClient(
    (anvil) => anvil.webSocket,
    async (anvil, client) => {
      await anvil.rpc('anvil_mine', '0x190')
      const { frames, heads, toLatest } = await walkOn(client)
      assert.equal(await toLatest(), 'reached')
      assert.deepEqual(
        frames,
        Array.from({ length: 400 }, (_, i) => i + 1),
      )
      assert.equal(heads.at(-1), 400)
      for (let i = 1; i < heads.length; i++) assert.ok((heads[i] ?? 0) - (heads[i - 1] ?? 0) <= 32)
    },
  ),
)

test('another branch is walked by parents down to the common ancestor', skip, () =>
  withClient(
    (anvil) => anvil.webSocket,
    async (anvil, client) => {
      await anvil.mine(10)
      const { frames, hashes, toLatest } = await walkOn(client)
      await toLatest()
      await anvil.rpc('anvil_reorg', 4, [])
      await anvil.mine(2)
      frames.length = 0
      assert.equal(await toLatest(), 'reached')
      assert.deepEqual(frames, [7, 8, 9, 10, 11, 12])
      assert.equal(hashes.at(-1), (await anvil.block('latest')).hash)
    },
  ),
)

test('an older head of the same branch changes nothing but is named', skip, () =>
  withClient(
    (anvil) => anvil.webSocket,
    async (anvil, client) => {
      await anvil.mine(2)
      const saved = await anvil.rpc('evm_snapshot')
      await anvil.mine(3)
      const { walk, heads, toLatest } = await walkOn(client)
      await toLatest()
      await anvil.rpc('evm_revert', saved)
      assert.equal(await toLatest(), 'reached')
      assert.equal(walk.head().number, 5)
      assert.deepEqual(heads, [5, 2])
    },
  ),
)

test('a refused block stops the walk at its parent, and is not tried again by the next head', skip, () =>
  withClient(
    (anvil) => anvil.webSocket,
    async (anvil, client) => {
      await anvil.mine(5)
      const { walk, frames, toLatest } = await walkOn(client, 4)
      assert.equal(await toLatest(), 'refused')
      assert.equal(walk.head().number, 3)
      await anvil.mine(1)
      assert.equal(await toLatest(), 'refused')
      assert.deepEqual(frames, [1, 2, 3])
    },
  ),
)

test('a client of another chain is refused, naming both', skip, () =>
  withClient(
    (anvil) => anvil.webSocket,
    async (_anvil, client) => {
      const other = parseGenesis(JSON.stringify(devGenesis(1_600_000_000)))
      await assert.rejects(identify(client, other), {
        code: 'master/foreign-client',
        message: /with genesis 0x.*with genesis 0x/,
      })
    },
  ),
)
