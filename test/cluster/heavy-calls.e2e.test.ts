/** Heavy calls run aside: at the block of their body, without delaying light ones, and with an error for those that nobody has time for. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { DEV_ACCOUNTS } from '#cli/dev/genesis.ts'
import { answer, post, result, type RpcAnswer } from '#test/support/json-rpc.ts'
import { waitFor } from '#test/support/wait.ts'
import { openRig, rigNeeds } from './rig.ts'

const ANSWER = `0x${'2a'.padStart(64, '0')}`
const WAIT_MS = 30_000
const [ACCOUNT] = DEV_ACCOUNTS

/** Counts down from n, 26 gas a step, and returns 42 as the code of a contract. */
function countdown(n: number): string {
  return `0x63${n.toString(16).padStart(8, '0')}5b6001900380600557602a5f5260205ff3`
}
/** About 48 Mgas. */
const HEAVY = { data: countdown(1_850_000) }
/** More gas than any call may use. */
const ENDLESS = { data: '0x5b5f56' }

test('heavy calls', { ...rigNeeds(), timeout: 180_000 }, async (t) => {
  const rig = await openRig({
    blockTimeMs: 200,
    replicas: 1,
    lastReplica: ['--call-time-max', '30s'], // a busy machine leaves little time to threads of low priority
  })
  try {
    const { cluster } = rig
    const replica = cluster.replicas.at(-1)
    assert.ok(replica)
    const places = { replica: replica.url, gateway: cluster.gateway.url }
    // The gateway shows it as soon as one of its replicas does, which may be another.
    for (const [name, url] of Object.entries(places))
      await waitFor(`the first block at the ${name}`, WAIT_MS, async () =>
        Number(await result(url, 'eth_blockNumber')) > 0 ? true : undefined,
      )

    for (const [name, url] of Object.entries(places)) {
      await t.test(`a call that needs long is answered as any other, by the ${name}`, async () => {
        assert.equal(await result(url, 'eth_call', [HEAVY, 'latest']), ANSWER)
        const { error } = await answer(url, 'eth_call', [ENDLESS, 'latest'])
        assert.deepEqual(
          { code: error?.code, message: error?.message },
          { code: -32000, message: 'out of gas' },
        )
      })
      await t.test(`a batch with heavy calls is read at one block, by the ${name}`, async () => {
        const number = { jsonrpc: '2.0', method: 'eth_blockNumber', params: [] }
        // NUMBER, MSTORE, RETURN after the countdown: the block that the code runs in.
        const where = { data: countdown(1_000_000).replace('602a5f52', '435f52') }
        const heavy = { jsonrpc: '2.0', method: 'eth_call', params: [where, 'latest'] }
        const batch = [number, heavy, number, heavy, number].map((call, id) => ({ ...call, id }))
        const response = await post(url, batch)
        const answers = (await response.json()) as RpcAnswer[]
        assert.deepEqual(
          answers.map(({ id }) => id),
          [0, 1, 2, 3, 4],
        )
        assert.deepEqual(
          [...new Set(answers.map((one) => Number(one.result)))],
          [Number(response.headers.get('x-block-number'))],
        )
      })
    }
    await t.test('light calls do not wait for heavy ones', async () => {
      let ended = 0
      const heavy = Array.from({ length: 12 }, async () => {
        assert.equal(await result(replica.url, 'eth_call', [HEAVY, 'latest']), ANSWER)
        ended++
      })
      for (let i = 0; i < 5; i++) await result(replica.url, 'eth_getBalance', [ACCOUNT, 'latest'])
      assert.ok(ended < heavy.length, 'five light calls were answered before twelve heavy ones')
      await Promise.all(heavy)
    })
    await t.test(
      'over the limit of those that wait, a call is refused with an error that says so',
      async () => {
        const responses = await Promise.all(
          Array.from({ length: 100 }, async () => {
            const body = { jsonrpc: '2.0', id: 1, method: 'eth_call', params: [HEAVY, 'latest'] }
            const response = await post(replica.url, body)
            const { error } = (await response.json()) as RpcAnswer
            return { status: response.status, code: error?.code, message: error?.message }
          }),
        )
        const refused = responses.filter(({ code }) => code !== undefined)
        assert.ok(refused.length > 0 && refused.length < 100, `${refused.length} refused`)
        for (const { status, code, message } of refused)
          assert.deepEqual({ status, code }, { status: 503, code: -32005 }, message)
      },
    )
    await t.test('what was set aside is counted', async () => {
      const metrics = await (await fetch(`${replica.url}/metrics`)).text()
      const count = (outcome: string): number =>
        Number(
          new RegExp(`^drover_replica_heavy_calls_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(
            metrics,
          )?.[1],
        )
      assert.ok(count('answered') >= 20)
      assert.ok(count('full') > 0)
    })
  } finally {
    await rig.close()
  }
})
