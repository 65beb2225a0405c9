/** A master beside a real anvil that is reachable over plain HTTP alone, as many hosted and locked-down clients are. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { devGenesis } from '#cli/dev/genesis.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { Anvil } from './anvil.ts'
import { bodiesOf, wholeCounts } from './feed.ts'
import { startMaster } from './one-master.ts'

const WAIT_MS = 60_000

/** Passes POSTs on and knows nothing of WebSocket. */
async function plainHttpBefore(target: string): Promise<{ server: Server; url: string; posts: string[] }> {
  const posts: string[] = []
  const server = createServer((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      posts.push((JSON.parse(body.toString()) as { method: string }).method)
      fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
        .then(async (answer) => response.end(await answer.text()))
        .catch(() => response.destroy())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts }
}

test(
  'a client without WebSocket is followed by polling: blocks, a reorganisation, its absence',
  needs('anvil'),
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'drover-http-'))
    const genesisText = JSON.stringify(devGenesis(1_700_000_000))
    const genesisFile = join(dir, 'genesis.json')
    writeFileSync(genesisFile, genesisText)
    const anvil = await Anvil.start(genesisFile)
    const { server, url, posts } = await plainHttpBefore(anvil.http)
    const log = createMemoryRecordLog()
    const master = startMaster({ url, genesisText, openLog: async () => log, kv: memoryKeyValue() })
    const followed = async (): Promise<void> => {
      const head = await anvil.block('latest')
      await waitFor(`block ${head.number} is named`, WAIT_MS, async () =>
        (await bodiesOf(log, 'headEvent')).at(-1)?.head.hash === head.hash ? true : undefined,
      )
    }
    const beatSays = (wanted: string): Promise<true> =>
      waitFor(`a beat says ${wanted}`, WAIT_MS, async () =>
        (await bodiesOf(log, 'beat')).at(-1)?.phase === wanted ? true : undefined,
      )
    try {
      for (let i = 0; i < 5; i++) {
        await anvil.mine()
        await followed()
      }
      await beatSays('serving')
      assert.ok(posts.includes('eth_blockNumber'))
      await anvil.rpc('anvil_reorg', 2, [])
      await followed()
      await anvil.mine()
      await followed()
      const saved = await anvil.rpc('anvil_dumpState', true)
      await anvil.stop()
      await beatSays('syncing')
      await anvil.start()
      await anvil.rpc('anvil_loadState', saved)
      await anvil.mine()
      await followed()
      await beatSays('serving')
      const counts = await wholeCounts(log)
      assert.equal(counts.size, 5 + 2 + 1 + 1)
      assert.ok([...counts.values()].every((count) => count === 1))
    } finally {
      await master.stop()
      server.closeAllConnections()
      server.close()
      await anvil.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  },
)
