/** SIGKILL of each process of a cluster under load: it returns by itself, nothing is lost, nothing is published or applied twice, no head goes back. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import { answer } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { Hammer } from './hammer.ts'
import { eachBlockOnce, exactReplicas, grows, likeFromScratch } from './judge.ts'

test('each process may be killed at any time', { ...needs('anvil'), timeout: 180_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-kill-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const anvil = await Anvil.start(genesisFile, '--block-time', '0.2')
  let cluster: Cluster | undefined
  let hammers: Hammer[] = []
  let traffic: NodeJS.Timeout | undefined
  try {
    cluster = await startCluster({ client: anvil.webSocket, genesisFile, replicas: 2 })
    const { gateway, replicas, master, feed } = cluster
    const [first, second] = replicas
    assert.ok(first && second)
    traffic = setInterval(() => {
      const [from, to] = DEV_ACCOUNTS
      void answer(anvil.http, 'eth_sendTransaction', [{ from, to, value: '0x7' }]).catch(() => {})
    }, 50)
    await grows(gateway.url, 3)
    hammers = Array.from({ length: 4 }, () => new Hammer(gateway.url))

    const killed = async (process: DroverProcess, times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        await process.kill('SIGKILL')
        await process.start()
        await grows(gateway.url, 2)
      }
    }
    await t.test('a replica', () => killed(first.process, 3))
    await t.test('the master', () => killed(master, 3))
    await t.test('the feed host', () => killed(feed, 3))
    await t.test('the gateway', () => killed(gateway.process, 3))
    await t.test('all of them at once', async () => {
      const all = [gateway.process, first.process, second.process, master, feed]
      await Promise.all(all.map((process) => process.kill('SIGKILL')))
      await feed.start()
      await Promise.all(
        [master, first.process, second.process, gateway.process].map((process) => process.start()),
      )
      await grows(gateway.url, 2)
    })
    await Promise.all(hammers.map((hammer) => hammer.stop()))
    clearInterval(traffic)

    await t.test('no answer was at a lower head than one before, no block shown was unknown', () => {
      for (const { wrongs, answers } of hammers) {
        assert.deepEqual(wrongs, [])
        assert.ok(answers > 100, `${answers} answers`)
      }
    })
    await t.test('every replica is exact', () => exactReplicas(cluster as Cluster, anvil))
    await t.test('every block is on the feed once', () => eachBlockOnce(cluster as Cluster))
    await t.test('a store that was killed equals one built from scratch, table by table', () =>
      likeFromScratch(cluster as Cluster, genesisFile),
    )
  } finally {
    clearInterval(traffic)
    await Promise.all(hammers.map((hammer) => hammer.stop()))
    await cluster?.stop()
    await anvil.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})
