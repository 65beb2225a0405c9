/** Masters peer their clients: two real geths find each other through the feed, also after a restart; one without `admin` says so. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { type RunningMaster, startMaster } from '#test/master/one-master.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { Devnet } from './devnet.ts'
import type { GethNode } from './node.ts'

const WAIT_MS = 60_000
const PEERS = ['--maxpeers', '5']

const state = (master: RunningMaster): string | undefined =>
  master.follower.maintenance.status().aids.find(({ what }) => what === 'peering')?.state
const peers = async (node: GethNode): Promise<number> => Number(await node.rpc('net_peerCount'))

test('clients of two masters are peered with each other', {
  ...needs('geth'),
  timeout: 240_000,
}, async (t) => {
  const net = await Devnet.start({ alloc: {}, nodes: 0 })
  const masters: RunningMaster[] = []
  try {
    const first = await net.addNode({ args: PEERS })
    const second = await net.addNode({ args: PEERS })
    const third = await net.addNode({ args: [...PEERS, '--ws.api', 'eth,net,web3'] })
    await net.produce()
    const genesisText = readFileSync(net.genesisFile, 'utf8')
    const log = createMemoryRecordLog()
    const [m1, m2, m3] = [first, second, third].map((node, i) => {
      const master = startMaster({
        ...{ url: node.webSocket, genesisText, kv: memoryKeyValue(), id: `m${i + 1}` },
        openLog: async () => ({ ...log, close: async () => {} }),
        more: { peering: { host: undefined, clientHost: '127.0.0.1' } },
      })
      masters.push(master)
      return master
    }) as [RunningMaster, RunningMaster, RunningMaster]
    const connected = async (): Promise<void> => {
      for (const node of [first, second])
        await waitFor('a peer', WAIT_MS, async () => ((await peers(node)) === 1 ? true : undefined))
      for (const master of [m1, m2])
        await waitFor('its word', WAIT_MS, () =>
          state(master) === 'on: connected to 1 of 1 other clients' ? true : undefined,
        )
    }

    await t.test('the two are connected, and say so', connected)
    await t.test('one that does not open its namespace is told of, and peered with nobody', async () => {
      const why = await waitFor('why', WAIT_MS, () => state(m3))
      assert.match(why, /^not offered by the client: .*admin_nodeInfo does not exist/)
      assert.equal(await peers(third), 0)
    })
    await t.test('a client that comes back at another address is found again', async () => {
      await second.stop()
      await second.start() // port 0: another one
      await connected()
      const given = ((await first.rpc('admin_peers')) as { network: { static: boolean } }[]).map(
        ({ network }) => network.static,
      )
      assert.equal(given.length, 1)
    })
  } finally {
    await Promise.all(masters.map((master) => master.stop().catch(() => {})))
    await net.stop()
  }
})
