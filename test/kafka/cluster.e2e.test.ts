/**
 * A whole cluster on a feed in Kafka: two geth nodes kept in step, a master beside each, four replicas, a gateway. The broker, the leading
 * master, its client and a replica suffer; users do not notice.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Hammer } from '#test/cluster/hammer.ts'
import { exactReplicas, framesOf, grows, likeFromScratch } from '#test/cluster/judge.ts'
import { onFeed } from '#test/cluster/published.ts'
import { leaderOf, openKafkaRig, rigNeeds } from '#test/cluster/rig.ts'
import { leasesOn, overlapsIn, stallsOf, stallUnderLease } from '#test/cluster/windows.ts'

const BLOCKS = 3
const CLIENTS = 2
const ASK_EVERY_MS = 50
const STALL_MS = 1_000
const WAIT_MS = 60_000
const LOG_BYTES = 3_000

test('a cluster on Kafka', { ...rigNeeds('kafka'), timeout: 300_000 }, async (t) => {
  const rig = await openKafkaRig({ blockTimeMs: 400, masters: 2, replicas: 4 })
  const { cluster, network, keeper } = rig
  const { gateway, masters, replicas } = cluster
  const hammers = Array.from({ length: CLIENTS }, () => new Hammer(gateway.url, ASK_EVERY_MS))
  /** Says what masters and clients said where it fails: one that fails once in a hundred runs is not seen again soon. */
  const step = (what: string, work: () => Promise<void>): Promise<void> =>
    t.test(what, async (part) => {
      try {
        await work()
      } catch (thrown) {
        for (const { args, log } of masters) part.diagnostic(`${args[2]}: ${log.slice(-LOG_BYTES)}`)
        for (const client of network.clients) part.diagnostic(client.describe().slice(-LOG_BYTES))
        throw thrown
      }
    })
  try {
    await step('serves what the clients have', () => grows(gateway.url, BLOCKS))
    await step('goes on after the broker was killed and came back', async () => {
      await keeper.kill()
      await keeper.start()
      await grows(gateway.url, BLOCKS)
    })
    await step('goes on without its leading master', async () => {
      const { master, name } = await leaderOf(rig)
      await master.kill('SIGKILL')
      await grows(gateway.url, BLOCKS)
      assert.notEqual((await leaderOf(rig)).name, name)
      await master.start()
      await grows(gateway.url, BLOCKS)
    })
    await step("goes on while the leader's client stands still, is late, and has lost its disk", async () => {
      const { client } = await leaderOf(rig)
      client.node.pause()
      await grows(gateway.url, BLOCKS)
      client.node.resume()
      client.delayMs = 900
      await grows(gateway.url, BLOCKS)
      client.delayMs = 0
      await Promise.all([client.kill({ wipe: true }), grows(gateway.url, BLOCKS)])
    })
    await step(
      'of two clients that want to stall one waits for the other, and neither is missed',
      async () => {
        const both = [0, 1].map((place) =>
          stallUnderLease(rig, place, { stallMs: STALL_MS, waitMs: WAIT_MS }),
        )
        await grows(gateway.url, BLOCKS)
        for (const { code, output } of await Promise.all(both)) assert.equal(code, 0, output)
        const stalls = stallsOf(rig)
        assert.deepEqual([stalls.length, overlapsIn(stalls)], [4, []])
        const { granted, ended, openMax, openNow } = await onFeed(cluster, leasesOn)
        assert.deepEqual(
          { granted, ended, openMax, openNow },
          { granted: 2, ended: 2, openMax: 1, openNow: 0 },
        )
      },
    )
    await step('goes on after a reorganisation', async () => {
      await network.reorg(2)
      await grows(gateway.url, BLOCKS)
    })
    await step('a killed replica goes on from where its store stands', async () => {
      const [replica] = replicas
      assert.ok(replica)
      await replica.process.kill('SIGKILL')
      await replica.process.start()
      await grows(replica.url, BLOCKS)
    })
    await Promise.all(hammers.map((hammer) => hammer.stop()))
    await rig.quiet()
    await t.test('no head went back', () => {
      for (const { wrongs, answers } of hammers) {
        assert.deepEqual(wrongs, [])
        assert.ok(answers > 0)
      }
    })
    await t.test('every block is on the feed, and replicas are exact to the row', async () => {
      await exactReplicas(cluster, rig.reference, rig.accounts)
      const frames = await framesOf(cluster)
      const repeated = [...frames.values()].filter((times) => times > 1).length
      // How many depends on the machine: a master that is slower than a grace repeats what another has just published.
      t.diagnostic(`${repeated} of ${frames.size} were published twice`)
      assert.ok(repeated < frames.size / 2, `${repeated} of ${frames.size} were published twice`)
      await likeFromScratch(cluster, rig.genesisFile)
    })
    assert.equal(masters.length, 2)
  } finally {
    await Promise.all(hammers.map((hammer) => hammer.stop()))
    await rig.close()
  }
})
