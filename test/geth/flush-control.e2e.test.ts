/**
 * Flushes of a real geth's trie, asked for under leases: a hash-scheme geth is flushed (its own log tells), a path-scheme one
 * and anvil say that they do not offer it, and an interval that a dead master left behind is put right.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { devGenesis } from '#cli/dev/genesis.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { goDurationMs } from '#roles/master/aid/flush-control.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type RunningMaster, startMaster } from '#test/master/one-master.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { Devnet } from './devnet.ts'
import type { GethNode } from './node.ts'

const WAIT_MS = 60_000
/** Of geth: below this number it flushes nothing. */
const TRIES_IN_MEMORY = 128
const EVERY_MS = 3_000
const LONG = 2 * EVERY_MS

const interval = async (node: GethNode): Promise<number> =>
  goDurationMs(String(await node.rpc('debug_getTrieFlushInterval')))
/** Flushes that the geth's own log tells of. */
const persisted = (node: GethNode): number => node.logTail(5_000).split('Persisted trie').length - 1
const state = (master: RunningMaster): string | undefined =>
  master.follower.maintenance.status().aids.find(({ what }) => what === 'flush control')?.state

test('a geth of the hash scheme is flushed under a lease, and not on its own', {
  ...needs('geth'),
  timeout: 240_000,
}, async (t) => {
  const net = await Devnet.start({ alloc: {}, nodes: 0 })
  const masters: RunningMaster[] = []
  try {
    const hash = await net.addNode({ args: ['--gcmode', 'full'] })
    const path = await net.addNode({ scheme: 'path', args: ['--gcmode', 'full'] })
    const genesisText = readFileSync(net.genesisFile, 'utf8')
    const log = createMemoryRecordLog()
    const openLog = async () => ({ ...log, close: async () => {} })
    const start = (id: string, node: GethNode): RunningMaster => {
      const kv = memoryKeyValue()
      const more = { flushEveryMs: EVERY_MS }
      const master = startMaster({ url: node.webSocket, genesisText, openLog, kv, id, more })
      masters.push(master)
      return master
    }
    for (let i = 0; i < TRIES_IN_MEMORY + 10; i++) await net.produce()
    const byHash = start('m1', hash)
    const byPath = start('m2', path)

    await t.test('where the client refuses, the status says why', async () => {
      const why = await waitFor('the refusal', WAIT_MS, () => state(byPath))
      assert.equal(why, 'not offered by the client: trie flush interval is undefined for path-based scheme')
    })
    await t.test('the long interval is set', async () => {
      await waitFor('it', WAIT_MS, async () => ((await interval(hash)) === LONG ? true : undefined))
    })
    const before = persisted(hash) // genesis is one
    await t.test('a flush is asked for under a lease while the other client serves', async () => {
      let isOver = false
      const producing = (async () => {
        for (; !isOver; await sleep(100)) await net.produce()
      })()
      await waitFor('a lease of m1', WAIT_MS, () =>
        byPath.follower.maintenance.status().open.some((one) => one.holder === 'm1') ? true : undefined,
      )
      await waitFor('a flush', WAIT_MS, () => (/flushes_total [1-9]/.test(byHash.metrics) ? true : undefined))
      await waitFor('its end', WAIT_MS, async () => ((await interval(hash)) === LONG ? true : undefined))
      await waitFor('m1 to serve', WAIT_MS, () => (byHash.follower.phase() === 'serving' ? true : undefined))
      assert.equal(state(byHash), 'on')
      isOver = true
      await producing
    })
    await t.test('the geth has flushed then, and does not go on', async () => {
      const flushes = persisted(hash)
      assert.ok(flushes > before)
      for (let i = 0; i < 5; i++) await net.produce()
      assert.equal(persisted(hash), flushes)
      await byHash.stop()
    })
    await t.test('an interval that a dead master left is put right by its next life', async () => {
      await hash.rpc('debug_setTrieFlushInterval', '0s')
      assert.equal(await interval(hash), 0)
      start('m1', hash)
      await waitFor('it', WAIT_MS, async () => ((await interval(hash)) === LONG ? true : undefined))
    })
  } finally {
    await Promise.all(masters.map((master) => master.stop().catch(() => {})))
    await net.stop()
  }
})

test('a client that has no such method is told of once', needs('anvil'), async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-flush-'))
  const genesisText = JSON.stringify(devGenesis(1_700_000_000))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, genesisText)
  const anvil = await Anvil.start(genesisFile)
  const log = createMemoryRecordLog()
  const said: string[] = []
  const noted = (message: string): unknown => said.push(message)
  const master = startMaster({
    ...{ url: anvil.webSocket, genesisText, kv: memoryKeyValue(), openLog: async () => log },
    log: { error: noted, warn: noted, info: noted, debug() {}, with: (): never => assert.fail('not used') },
    more: { flushEveryMs: EVERY_MS },
  })
  try {
    await anvil.mine()
    const why = await waitFor('what it says', WAIT_MS, () => state(master))
    assert.match(why, /^not offered by the client: /)
    assert.equal(said.filter((message) => message === 'flush control').length, 1)
    await waitFor('it to serve', WAIT_MS, () => (master.follower.phase() === 'serving' ? true : undefined))
  } finally {
    await master.stop()
    await anvil.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})
