/** The network that other tests rely on: clients follow it late, held, paused, restarted, killed and wiped, and through reorganisations. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import type { FedClient } from './fed-client.ts'
import { Network } from './network.ts'

const WAIT_MS = 60_000
const PAUSE_MS = 300

test('clients follow a network whatever happens to them', {
  ...needs('geth'),
  timeout: 180_000,
}, async (t) => {
  const network = await Network.start({ clients: 2, blockTimeMs: 50 })
  const [first, second] = network.clients as [FedClient, FedClient]
  const headOf = async ({ node }: FedClient): Promise<unknown> =>
    ((await node.rpc('eth_getBlockByNumber', 'latest', false)) as { hash: string }).hash
  const bothAtHead = async (): Promise<void> => {
    const wanted = network.chain.at(-1)?.hash
    for (const client of network.clients)
      await waitFor(`block ${network.chain.length}`, WAIT_MS, async () =>
        (await headOf(client)) === wanted ? true : undefined,
      ).catch((thrown: unknown) => {
        throw new Error(client.describe(), { cause: thrown })
      })
  }
  const blocks = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await network.block()
  }
  try {
    await t.test('in step', async () => {
      await blocks(20)
      await bothAtHead()
    })
    await t.test('one of them late, then held', async () => {
      second.delayMs = 200
      await blocks(2)
      await waitFor('the first', WAIT_MS, () => (first.isUpToDate ? true : undefined))
      await bothAtHead()
      second.delayMs = 0
      second.hold()
      await blocks(3)
      await waitFor('the first', WAIT_MS, async () =>
        (await headOf(first)) === network.chain.at(-1)?.hash ? true : undefined,
      )
      assert.equal(await headOf(second), network.chain.at(-4)?.hash)
      second.release()
      await bothAtHead()
    })
    await t.test('through a reorganisation', async () => {
      await network.reorg(3)
      await bothAtHead()
    })
    await t.test('paused, while the chain grows', async () => {
      first.node.pause()
      await blocks(5)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      first.node.resume()
      await bothAtHead()
    })
    await t.test('restarted, killed, wiped', async () => {
      network.begin()
      await first.restart()
      await second.kill({ wipe: false })
      await first.kill({ wipe: true })
      await network.quiet()
      await bothAtHead()
      assert.ok(first.wipes >= 1)
      assert.deepEqual([first.refused, second.refused], [[], []])
    })
  } finally {
    await network.stop()
  }
})
