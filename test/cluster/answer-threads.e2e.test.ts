/** A replica with several answer threads on one port: what one of them has shown, none of them goes back behind. */
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import test from 'node:test'
import type { GatewayStatus } from '#roles/gateway/status.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { waitFor } from '#test/support/wait.ts'
import { openRig, rigNeeds } from './rig.ts'

const THREADS = 3
const CONNECTIONS = 12
const BLOCKS = 40
const WAIT_MS = 30_000

test('answer threads', { ...rigNeeds(), timeout: 120_000 }, async (t) => {
  const rig = await openRig({
    blockTimeMs: 100,
    replicas: 1,
    lastReplica: ['--answer-threads', String(THREADS)],
  })
  try {
    const { gateway, replicas } = rig.cluster
    const replica = replicas.at(-1)
    assert.ok(replica)

    await t.test('a gateway holds a stream to each, and counts them as one replica', async () => {
      await waitFor('a stream to each thread, and all of it routable', WAIT_MS, async () => {
        const status = (await (await fetch(`${gateway.url}/status`)).json()) as GatewayStatus
        const one = status.replicas.at(-1)
        return one?.streams === THREADS && one.phase === 'ready' && one.routable ? true : undefined
      })
    })
    await t.test('a head that one thread has shown is never followed by a lower one from another', () =>
      neverBack(replica.url, 'each on connections of their own'),
    )
    await t.test('the same through a gateway', () => neverBack(gateway.url, 'over their links'))
    await t.test('any of them renders what all have counted', async () => {
      const before = await counted(replica.url)
      for (let i = 0; i < 60; i++) await asker(replica.url).ask({ fresh: true })
      // A new connection for each request lands on each of the threads; so does each look at the metrics.
      for (let i = 0; i < 12; i++) assert.equal((await counted(replica.url)) - before, 60)
    })
    await t.test(
      'a port that another process has is refused by name, though it could be shared',
      async () => {
        const { code, output } = await DroverProcess.run(
          ...['replica', '--id', 'second', '--genesis', rig.genesisFile, '--feed', 'unix:/nowhere'],
          ...[
            '--data',
            join(rig.dir, 'second'),
            '--port',
            new URL(replica.url).port,
            '--log-format',
            'people',
          ],
        )
        assert.equal(code, 1)
        assert.match(output, /is taken: stop the process there or choose another port/)
      },
    )
  } finally {
    await rig.close()
  }
})

/** Over many connections, one question at a time: each answer is at the head of the one before or later. */
async function neverBack(url: string, where: string): Promise<void> {
  const askers = Array.from({ length: CONNECTIONS }, () => asker(url))
  const first = Number(await result(url, 'eth_blockNumber'))
  let highest = first
  let answers = 0
  // Each question begins after the answer before it has come, so whatever is lower than it is a step back.
  for (let turn = 0; highest < first + BLOCKS; turn++) {
    const number = await (askers[turn % CONNECTIONS] as Asker).ask()
    assert.ok(number >= highest, `head ${number} after ${highest}, ${where}`)
    highest = number
    answers++
  }
  assert.ok(answers > BLOCKS, `${answers} answers`)
  for (const { close } of askers) close()
}

interface Asker {
  ask(options?: { readonly fresh: boolean }): Promise<number>
  close(): void
}

/** A client with one connection of its own, kept alive. */
function asker(url: string): Asker {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    close: () => agent.destroy(),
    ask({ fresh } = { fresh: false }) {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      const asking = request(
        url,
        {
          method: 'POST',
          agent: fresh ? new Agent() : agent,
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          let text = ''
          response.on('data', (bytes) => (text += String(bytes)))
          response.on('end', () => resolve(Number((JSON.parse(text) as { result: string }).result)))
          response.on('error', reject)
        },
      )
      asking.on('error', reject)
      asking.end('{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}')
      return promise
    },
  }
}

async function counted(url: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  request(`${url}/metrics`, { agent: new Agent() }, (response) => {
    let text = ''
    response.on('data', (bytes) => (text += String(bytes)))
    response.on('end', () => resolve(text))
  })
    .on('error', reject)
    .end()
  const line = /^drover_replica_requests_total\{method="eth_blockNumber"\} (\d+)$/m.exec(await promise)
  return Number(line?.[1] ?? 0)
}
