/** Masters that are killed when a topic no longer has its first records join what is left of it from what they had kept. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { devGenesis } from '#cli/dev/genesis.ts'
import { grows } from '#test/cluster/judge.ts'
import { onFeed, publishedSince } from '#test/cluster/published.ts'
import { Anvil } from '#test/master/anvil.ts'
import { startCluster } from '#test/support/cluster.ts'
import { type KafkaBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'

const WAIT_MS = 60_000

test('a topic without its beginning', { ...needs('kafka', 'anvil'), timeout: 240_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-trimmed-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const { brokers, end } = await makeBrokers(1)
  const broker = brokers[0] as KafkaBroker
  await broker.start()
  const anvil = await Anvil.start(genesisFile, '--block-time', '0.3')
  const feed = `kafka://${broker.address}/trimmed`
  const cluster = await startCluster({ client: anvil.webSocket, genesisFile, masters: 2, replicas: 1, feed })
  const { masters, forward, gateway } = cluster
  const metric = async (place: number, name: string): Promise<number> => {
    const text = await (await fetch(`${forward[place]}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  }
  const bothRanked = (): Promise<true> =>
    waitFor('both masters to have a place', WAIT_MS, async () => {
      const ranks = await Promise.all([0, 1].map((place) => metric(place, 'drover_master_rank')))
      return ranks.toSorted((a, b) => a - b).join() === '0,1' ? true : undefined
    })
  try {
    await grows(gateway.url, 5)
    const kept: number[] = []
    for (const [place, master] of masters.entries()) {
      const { next } = await onFeed(cluster, (log) => log.bounds())
      await master.kill('SIGKILL')
      await master.start()
      const position = await waitFor('a checkpoint', WAIT_MS, async () => {
        const at = await metric(place, 'drover_master_checkpoint_position')
        return at >= next - 1 ? at : undefined
      })
      kept.push(position)
    }
    await bothRanked()
    await grows(gateway.url, 3)
    const before = Math.min(...kept) + 1
    const log = await cluster.openFeed()
    assert.equal((await log.trim(before)).first, before)
    await log.close()
    for (const master of masters) await master.kill('SIGKILL')
    const { next } = await onFeed(cluster, (feedLog) => feedLog.bounds())
    for (const master of masters) await master.start()
    await grows(gateway.url, 5)
    await bothRanked()
    const { frames, blocks } = await onFeed(cluster, (feedLog) => publishedSince(feedLog, next))
    assert.ok(blocks.size >= 5, `${frames} frames of ${blocks.size} blocks`)
  } finally {
    await cluster.stop()
    await anvil.stop()
    await end()
    rmSync(dir, { recursive: true, force: true })
  }
})
