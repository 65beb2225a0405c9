/**
 * A lagging geth is given the feed's blocks through the Engine API: blocks of everything hard, with requests of every kind that this chain
 * has, to a geth that knows none of them; with a consensus client at work beside it; and never to one that is ahead or on another branch.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromHex } from '#kernel/bytes.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { type RunningMaster, startMaster } from '#test/master/one-master.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { type BuiltBlock, Devnet, type Hex } from './devnet.ts'
import type { GethNode } from './node.ts'
import { createScenario } from './scenario.ts'
import { fund, Wallet } from './wallet.ts'

const WAIT_MS = 60_000
/** `BLOCKS=300` for the figure of docs/operations.md. */
const BLOCKS = Number(process.env['BLOCKS'] ?? 60)
const BLOCKS_MORE = Math.ceil(BLOCKS / 2)
/** EIP-7002. */
const WITHDRAWAL_REQUESTS: Hex = '0x00000961ef480eb55e80d19ad83579a64c007002'

const head = async (node: GethNode, tag = 'latest'): Promise<{ number: number; hash: string }> => {
  const { number, hash } = (await node.rpc('eth_getBlockByNumber', tag, false)) as Record<string, string>
  return { number: Number(number), hash: String(hash) }
}
const state = (master: RunningMaster): string | undefined =>
  master.follower.maintenance.status().aids.find(({ what }) => what === 'engine help')?.state

for (const { fork, gasScale } of [
  { fork: 'osaka', gasScale: 1n },
  { fork: 'amsterdam', gasScale: 5n },
] as const) {
  test(`a geth that lags is brought to the head of the feed, by blocks of ${fork}`, {
    ...needs('geth'),
    timeout: 240_000,
  }, async (t) => {
    Wallet.gasScale = gasScale
    const scenario = createScenario()
    const asker = new Wallet('asker')
    const net = await Devnet.start({ alloc: { ...scenario.alloc, ...fund(asker) }, fork })
    const masters: RunningMaster[] = []
    try {
      const [leading] = net.nodes as [GethNode]
      const log = createMemoryRecordLog()
      const genesisText = readFileSync(net.genesisFile, 'utf8')
      const start = (id: string, node: GethNode): RunningMaster => {
        const secret = fromHex(`0x${node.settings.jwtSecret}`)
        const master = startMaster({
          ...{ url: node.webSocket, genesisText, kv: memoryKeyValue(), id },
          openLog: async () => ({ ...log, close: async () => {} }),
          engine: { url: `http://127.0.0.1:${node.ports.auth}`, secret },
        })
        masters.push(master)
        return master
      }
      const produce = async (to: readonly GethNode[] = [leading]): Promise<BuiltBlock> => {
        const data: Hex = `0x${'11'.repeat(48)}${'00'.repeat(7)}01`
        const ask = asker.sign({ to: WITHDRAWAL_REQUESTS, data, value: 1_000_000n, gas: 300_000n })
        return net.produce({ txs: [await ask], to })
      }
      const level = async (node: GethNode): Promise<void> => {
        const wanted = await head(leading)
        await waitFor(`block ${wanted.number}`, WAIT_MS, async () =>
          (await head(node)).hash === wanted.hash ? true : undefined,
        )
      }
      for (let i = 0; i < BLOCKS; i++) await scenario.block(net)
      const asked = await produce()
      assert.ok(asked.requests.length > 0, 'a block with requests')
      const first = start('m1', leading)
      await waitFor('m1 to serve', WAIT_MS, () => (first.follower.phase() === 'serving' ? true : undefined))
      const lagging = await net.addNode()
      const second = start('m2', lagging)

      await t.test(`${BLOCKS} blocks and one with requests, from genesis on`, async () => {
        const startedMs = performance.now()
        await level(lagging)
        t.diagnostic(`${BLOCKS + 1} blocks in ${Math.round(performance.now() - startedMs)} ms`)
        assert.equal((await head(lagging, 'finalized')).hash, (await head(leading, 'finalized')).hash)
        await waitFor('m2 to serve', WAIT_MS, () =>
          second.follower.phase() === 'serving' ? true : undefined,
        )
        assert.match(second.metrics, new RegExp(`engine_blocks_total ${BLOCKS + 1}$`, 'm'))
      })
      await t.test(
        'it is helped again, where a consensus client gives it blocks meanwhile, too',
        async () => {
          const blocks: BuiltBlock[] = []
          for (let i = 0; i < BLOCKS_MORE; i++) blocks.push(await produce())
          let highest = 0
          for (const block of blocks) {
            await net.importBlock(lagging, block)
            const { number } = await head(lagging)
            assert.ok(number >= highest, `from ${highest} back to ${number}`)
            highest = number
            if (number < block.number) await net.setHead(lagging, block.hash)
          }
          await level(lagging)
        },
      )
      await t.test('a client that is ahead of the feed, or on another branch, is left alone', async () => {
        await first.stop()
        const parent = (await head(lagging)).hash as Hex
        const own = await net.build(lagging, { parent, timestamp: Math.floor(Date.now() / 1_000) })
        await net.importBlock(lagging, own)
        await net.setHead(lagging, own.hash)
        await second.stop()
        // The feed goes on with another branch, longer than that.
        for (let i = 0; i < 8; i++) await produce()
        const fresh = start('m1', leading)
        await waitFor('m1 to serve', WAIT_MS, () => (fresh.follower.phase() === 'serving' ? true : undefined))
        const third = start('m2', lagging)
        await waitFor('its word', WAIT_MS, () =>
          /another|branch/.test(state(third) ?? '') ? true : undefined,
        )
        await sleep(500)
        assert.equal((await head(lagging)).hash, own.hash)
      })
    } finally {
      await Promise.all(masters.map((master) => master.stop().catch(() => {})))
      await net.stop()
    }
  })
}
