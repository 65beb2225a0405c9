/** Replicas are drained, renewed and killed under load: no request through the gateway fails. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { DEV_ACCOUNTS } from '#cli/dev/genesis.ts'
import type { GatewayStatus } from '#roles/gateway/status.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { post, type RpcAnswer } from '#test/support/json-rpc.ts'
import { waitFor } from '#test/support/wait.ts'
import { openRig, rigNeeds } from './rig.ts'

const CLIENTS = 6
const WAIT_MS = 30_000
/** Answered between two steps, so that each step has load before and after it. */
const REQUESTS_BETWEEN = 100
/** Runs for some tens of milliseconds, aside. */
const HEAVY = { data: '0x630007a1205b6001900380600557602a5f5260205ff3' }

/** A client that asks one thing after the other and keeps whatever was not answered. */
class Client {
  answers = 0
  readonly failures: string[] = []
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
    const kinds = [
      ['eth_blockNumber', []],
      ['eth_getBalance', [DEV_ACCOUNTS[0], 'latest']],
      ['eth_call', [HEAVY, 'latest']],
      ['eth_getBlockByNumber', ['latest', true]],
    ] as const
    let i = 0
    while (this.#running) {
      const [method, params] = kinds[i++ % kinds.length] as (typeof kinds)[number]
      try {
        const response = await post(this.#url, { jsonrpc: '2.0', id: i, method, params })
        const text = await response.text()
        const { result } = JSON.parse(text) as RpcAnswer
        if (response.status === 200 && result !== undefined && result !== null) this.answers++
        else this.failures.push(`${method}: ${response.status} ${text}`)
      } catch (thrown) {
        this.failures.push(`${method}: ${String(thrown)} ${String((thrown as Error).cause ?? '')}`)
      }
    }
  }
}

test('replicas come and go', { ...rigNeeds(), timeout: 180_000 }, async (t) => {
  const rig = await openRig({ blockTimeMs: 200, replicas: 2 })
  let clients: Client[] = []
  try {
    const { cluster } = rig
    const { gateway, replicas } = cluster
    const folder = (i: number): string => join(cluster.dir, `r${i + 1}`)
    await allReady(gateway.url)
    clients = Array.from({ length: CLIENTS }, () => new Client(gateway.url))
    const answers = (): number => clients.reduce((sum, client) => sum + client.answers, 0)
    const noneFailed = async (): Promise<void> => {
      const from = answers()
      await waitFor(`${REQUESTS_BETWEEN} more answers`, WAIT_MS, () =>
        answers() - from >= REQUESTS_BETWEEN ? true : undefined,
      )
      assert.deepEqual(
        clients.flatMap(({ failures }) => failures),
        [],
      )
    }
    await noneFailed()

    await t.test('each is drained and started again in turn', async () => {
      for (const [i, { process }] of replicas.entries()) {
        const ended = process.ended()
        const { code, output } = await DroverProcess.run('drain', '--data', folder(i))
        assert.equal(code, 0, output)
        assert.equal(await ended, 0, process.log)
        await noneFailed()
        await process.start()
        await allReady(gateway.url)
        await noneFailed()
      }
    })
    await t.test('the answer threads of one are renewed', async () => {
      const pid = replicas[0]?.process.pid
      const { code, output } = await DroverProcess.run('drain', '--only-threads', '--data', folder(0))
      assert.equal(code, 0, output)
      assert.equal(replicas[0]?.process.pid, pid)
      assert.match(replicas[0]?.process.log ?? '', /an answer thread was replaced/)
      await allReady(gateway.url)
      await noneFailed()
    })
    await t.test('one is killed', async () => {
      const process = replicas[1]?.process as DroverProcess
      await process.kill('SIGKILL')
      await noneFailed()
      await process.start()
      await allReady(gateway.url)
      await noneFailed()
    })
    await t.test('a folder without a replica is said to have none', async () => {
      const { code, output } = await DroverProcess.run('drain', '--data', join(rig.dir, 'nobody'))
      assert.equal(code, 1)
      assert.match(output, /no replica runs on .*nobody: give the folder/)
    })
  } finally {
    for (const client of clients) await client.stop()
    await rig.close()
  }
})

async function allReady(gateway: string): Promise<void> {
  await waitFor('every replica at the gateway', WAIT_MS, async () => {
    const { replicas } = (await (await fetch(`${gateway}/status`)).json()) as GatewayStatus
    return replicas.every(({ phase, routable }) => phase === 'ready' && routable) ? true : undefined
  })
}
