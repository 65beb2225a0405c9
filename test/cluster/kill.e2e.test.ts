/** SIGKILL of each process of a cluster under load: it returns by itself, nothing is lost, nothing is published or applied twice, no head goes back. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { createTransport } from '#platform/net/transport.ts'
import { openRemoteRecordLog } from '#ports/remote-record-log.ts'
import { comparable, dumpTables } from '#state/testing/dump.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { answer, result } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { decodeRecord } from '#wire/record.ts'

const RETURN_MS = 20_000

interface Block {
  readonly number: string
  readonly hash: string
}

/** A client that asks as fast as it can and judges what it is told. */
class Hammer {
  highest = -1
  answers = 0
  readonly wrongs: string[] = []
  readonly #url: string
  #running = true
  readonly #done: Promise<void>

  constructor(url: string) {
    this.#url = url
    this.#done = this.#run()
  }
  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }
  async #run(): Promise<void> {
    while (this.#running) {
      try {
        const number = await answer(this.#url, 'eth_blockNumber', [])
        if (typeof number.result === 'string') this.#saw(Number(number.result))
        const latest = await answer(this.#url, 'eth_getBlockByNumber', ['latest', false])
        const block = latest.result as Block | undefined
        if (block === undefined) continue
        this.#saw(Number(block.number))
        const again = await answer(this.#url, 'eth_getBlockByNumber', [block.number, false])
        if (again.result === null) this.wrongs.push(`block ${block.number} was shown and then unknown`)
      } catch {
        // The gateway itself is being killed: connection refused is no answer, so nothing to judge.
      }
    }
  }
  #saw(number: number): void {
    this.answers++
    if (number < this.highest) this.wrongs.push(`head ${number} after ${this.highest}`)
    this.highest = Math.max(this.highest, number)
  }
}

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
    for (const hammer of hammers) await hammer.stop()
    clearInterval(traffic)

    await t.test('no answer was at a lower head than one before, no block shown was unknown', () => {
      for (const { wrongs, answers } of hammers) {
        assert.deepEqual(wrongs, [])
        assert.ok(answers > 100, `${answers} answers`)
      }
    })
    await t.test('every replica is exact', async () => {
      await answer(anvil.http, 'evm_setIntervalMining', [0])
      const block = (await result(anvil.http, 'eth_getBlockByNumber', ['latest', false])) as Block
      for (const { url } of replicas) {
        await waitFor(`${url} at ${block.number}`, RETURN_MS, async () => {
          const latest = (await result(url, 'eth_getBlockByNumber', ['latest', false])) as Block
          return latest.hash === block.hash ? true : undefined
        })
        for (const account of DEV_ACCOUNTS) {
          for (const method of ['eth_getBalance', 'eth_getTransactionCount']) {
            assert.equal(
              await result(url, method, [account, 'latest']),
              await result(anvil.http, method, [account, 'latest']),
              `${method} ${account}`,
            )
          }
        }
      }
    })
    await t.test('every block is on the feed once', () => eachBlockOnce(cluster as Cluster))
    await t.test('a store that was killed equals one built from scratch, table by table', () =>
      likeFromScratch(cluster as Cluster, genesisFile),
    )
  } finally {
    clearInterval(traffic)
    for (const hammer of hammers) await hammer.stop()
    await cluster?.stop()
    await anvil.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})

async function grows(url: string, blocks: number): Promise<void> {
  const number = async (): Promise<number> => Number(await result(url, 'eth_blockNumber'))
  const from = await waitFor(`an answer at ${url}`, RETURN_MS, number)
  await waitFor(`${blocks} more blocks at ${url}`, RETURN_MS, async () =>
    (await number()) >= from + blocks ? true : undefined,
  )
}

async function eachBlockOnce(cluster: Cluster): Promise<void> {
  const log = await openRemoteRecordLog(cluster.feedAddress, createTransport())
  const { next } = await log.bounds()
  const whole = new Map<string, number>()
  const numbers = new Set<number>()
  for (let at = 0; at < next; ) {
    const records = await log.read(at, { maxBytes: 1e6 })
    for (const { bytes } of records) {
      const { body } = decodeRecord(bytes)
      if (body.kind !== 'framePart' || body.index !== body.count - 1) continue
      whole.set(body.block.hash, (whole.get(body.block.hash) ?? 0) + 1)
      numbers.add(body.block.number)
    }
    at += records.length
  }
  await log.close()
  assert.deepEqual(
    [...whole].filter(([, times]) => times !== 1),
    [],
  )
  const highest = Math.max(...numbers)
  for (let number = 1; number <= highest; number++)
    assert.ok(numbers.has(number), `block ${number} is on the feed`)
}

async function likeFromScratch(cluster: Cluster, genesisFile: string): Promise<void> {
  const data = join(cluster.dir, 'scratch')
  const scratch = new DroverProcess(
    'replica',
    ...['--id', 'scratch', '--genesis', genesisFile, '--feed', cluster.feedAddress, '--data', data],
    ...['--port', '0', '--link', `unix:${join(cluster.dir, 'scratch.sock')}`, '--log-format', 'people'],
  )
  await scratch.start()
  await waitFor('the new replica at the end of the feed', RETURN_MS, () =>
    scratch.log.includes('at the end of the feed') ? true : undefined,
  )
  await scratch.stop()
  for (const { process } of cluster.replicas) await process.stop()
  const dump = async (dir: string) => {
    const kv = openLmdb({ path: join(dir, 'store'), mode: 'reader', durable: false })
    try {
      return comparable(dumpTables(kv))
    } finally {
      await kv.close()
    }
  }
  const expected = await dump(data)
  assert.ok(expected.accounts.length > 0 && expected.headers.length > 10)
  for (const name of ['r1', 'r2']) assert.deepEqual(await dump(join(cluster.dir, name)), expected, name)
}
