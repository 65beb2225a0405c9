/**
 * A feed host that keeps only the newest of a feed: `drover status` says what that means for each store, masters that are killed join what is
 * left of the feed from what they had kept of it, and one that has kept nothing is refused by name, and can be given another's folder.
 * `drover feed trim` drops by hand no more than every master leaves.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import type { GatewayStatus } from '#roles/gateway/status.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result, resultsOf } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { onFeed, publishedSince } from './published.ts'

const WAIT_MS = 60_000
const KIB = 1_024
const RETAIN_BYTES = 320 * KIB
const TRANSFERS = 100

async function metricAt(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

async function feedBytes(cluster: Cluster): Promise<number> {
  const log = await cluster.openFeed()
  try {
    return (await log.segments()).reduce((sum, { bytes }) => sum + bytes, 0)
  } finally {
    await log.close()
  }
}
const bounds = (cluster: Cluster) => onFeed(cluster, (log) => log.bounds())

test('retention and masters that are killed', { ...needs('anvil'), timeout: 300_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-trimmed-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const anvil = await Anvil.start(genesisFile)
  const cluster = await startCluster({
    ...{ client: anvil.webSocket, genesisFile, dir, masters: 2, replicas: 1 },
    hostOptions: ['--segment-max', '64KiB', '--retain-bytes', `${RETAIN_BYTES}`, '--retain-without-base'],
  })
  const { masters, gateway, forward } = cluster
  const [m1, m2] = masters as [DroverProcess, DroverProcess]
  const number = async (): Promise<number> => Number(await anvil.rpc('eth_blockNumber'))
  const isServed = async (): Promise<void> => {
    const wanted = await number()
    await waitFor(`block ${wanted}`, WAIT_MS, async () =>
      Number(await result(gateway.url, 'eth_blockNumber')) === wanted ? true : undefined,
    )
  }
  const mine = async (): Promise<void> => {
    const [from, to] = DEV_ACCOUNTS
    const transfer = ['eth_sendTransaction', [{ from, to, value: '0x1', gas: '0x5208' }]] as const
    await resultsOf(
      anvil.http,
      Array.from({ length: TRANSFERS }, () => transfer),
    )
    await anvil.mine()
    await isServed()
  }
  const metric = (place: number, name: string): Promise<number> => metricAt(forward[place] as string, name)
  const bothRanked = (): Promise<true> =>
    waitFor('both masters to have a place', WAIT_MS, async () => {
      const ranks = await Promise.all([0, 1].map((place) => metric(place, 'drover_master_rank')))
      return ranks.toSorted((a, b) => a - b).join() === '0,1' ? true : undefined
    })
  const status = async (): Promise<GatewayStatus> => {
    const { code, output } = await DroverProcess.run('status', '--gateway', gateway.url, '--json')
    assert.equal(code, 0, output)
    return JSON.parse(output) as GatewayStatus
  }
  try {
    await t.test('while nothing is dropped the feed covers everything', async () => {
      while ((await feedBytes(cluster)) < RETAIN_BYTES / 2) await mine()
      const output = await waitFor('the replica to know', WAIT_MS, async () => {
        const run = await DroverProcess.run('status', '--gateway', gateway.url)
        return /^r1 .* all of it /m.test(run.output) ? run.output : undefined
      })
      assert.doesNotMatch(output, /begins at position/)
    })

    const all = forward.join(',')
    const trim = async (before: number, named: string): Promise<string> => {
      const feed = ['--feed', cluster.feedAddress, '--before', `${before}`, '--master', named]
      const said = ['--replicas-too', '--retain-without-base']
      return (await DroverProcess.run('feed', 'trim', ...feed, ...said)).output
    }
    await t.test('a feed is trimmed by hand no further than what every master has kept', async () => {
      const { first, next } = await bounds(cluster)
      const faraway = 1_000 * next // whatever the masters keep meanwhile
      assert.match(await trim(1, forward[0] as string), /m2 is a master of this feed/)
      assert.match(await trim(faraway, all), /m[12] would need the feed from position \d+ on/)
      assert.equal((await bounds(cluster)).first, first)
    })

    await t.test('each start leaves what was read of the feed in the folder', async () => {
      const { next } = await bounds(cluster)
      for (const [place, master] of masters.entries()) {
        await master.kill('SIGKILL')
        await master.start()
        await waitFor('a checkpoint', WAIT_MS, async () =>
          (await metric(place, 'drover_master_checkpoint_position')) >= next - 1 ? true : undefined,
        )
      }
      await bothRanked()
      assert.match(await trim(1, all), /^\d+ records are dropped/m)
      const asked = ['--gateway', gateway.url, '--master', `${all},http://127.0.0.1:1`]
      const { output } = await DroverProcess.run('status', ...asked)
      for (const [place, id] of ['m1', 'm2'].entries()) {
        const [, from] = new RegExp(`^${id} +(\\d+) +${forward[place]}$`, 'm').exec(output) ?? []
        assert.ok(Number(from) >= next, output)
      }
      assert.match(output, /^– +– +http:\/\/127\.0\.0\.1:1 does not say/m)
    })

    await t.test(
      'once something was dropped the status says so, and how long each store is covered',
      async () => {
        while ((await bounds(cluster)).first === 0) await mine()
        const { first } = await bounds(cluster)
        const [replica] = await waitFor('the replica to know', WAIT_MS, async () => {
          const { replicas } = await status()
          return replicas[0]?.feedFirst === first && replicas[0].feedCoverSeconds !== null
            ? replicas
            : undefined
        })
        assert.ok((replica?.feedCoverSeconds ?? 0) > 0, String(replica?.feedCoverSeconds))
        const { output } = await DroverProcess.run('status', '--gateway', gateway.url)
        assert.match(output, new RegExp(`begins at position ${first}: no new master can be started on it`))
        assert.match(output, /^r1 .* \d+ (s|min|h|d) /m)
      },
    )

    await t.test('the feed host says at /metrics what it holds, has taken and has dropped', async () => {
      const ofHost = (name: string): Promise<number> =>
        metricAt(cluster.feedMetrics, `drover_feedhost_${name}`)
      const { first } = await bounds(cluster)
      assert.equal(await ofHost('first_position'), first)
      const next = await ofHost('next_position')
      assert.ok(next > first && next <= (await bounds(cluster)).next)
      assert.ok((await ofHost('records_appended_total')) >= next)
      assert.ok((await ofHost('dropped_bytes_total')) >= 64 * KIB)
      assert.ok((await ofHost('log_bytes')) <= RETAIN_BYTES)
      assert.ok((await ofHost('segments')) > 1)
      assert.ok((await ofHost('connections')) >= 3) // two masters and a replica
      assert.equal(await (await fetch(`${cluster.feedMetrics}/live`)).text(), 'live')
      assert.equal((await fetch(`${cluster.feedMetrics}/`)).status, 404)
      assert.equal((await fetch(`${cluster.feedMetrics}/metrics`, { method: 'POST' })).status, 405)
    })

    await t.test(
      'killed, both masters come back on what is left of the feed, and publish what came meanwhile',
      async () => {
        const before = await number()
        for (const master of masters) await master.kill('SIGKILL')
        await anvil.mine(3)
        for (const master of masters) await master.start()
        await isServed()
        await bothRanked()
        await mine()
        const { blocks } = await onFeed(cluster, async (log) =>
          publishedSince(log, (await log.bounds()).first),
        )
        for (let at = before; at <= (await number()); at++) {
          const { hash } = await anvil.rpc<{ hash: string }>(
            'eth_getBlockByNumber',
            `0x${at.toString(16)}`,
            false,
          )
          assert.ok(blocks.has(hash), `block ${at} is not on the feed`)
        }
      },
    )

    await t.test(
      'one that has kept nothing is refused, and serves from a copy of another’s folder',
      async () => {
        await m2.kill('SIGKILL')
        rmSync(join(dir, 'm2', 'feed-checkpoint'))
        await m2.start().catch(() => {})
        const ended = m2.isRunning ? await m2.ended() : 1
        assert.notEqual(ended, 0)
        assert.match(m2.log, /feed\/too-old/)
        await m1.stop()
        rmSync(join(dir, 'm2'), { recursive: true })
        cpSync(join(dir, 'm1'), join(dir, 'm2'), { recursive: true })
        await Promise.all([m1.start(), m2.start()])
        await bothRanked()
        await mine()
      },
    )
  } finally {
    await cluster.stop()
    await anvil.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})
