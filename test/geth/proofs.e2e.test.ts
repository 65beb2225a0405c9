/** A cluster whose stores keep a state trie, beside a real geth: its proofs are geth's at every block within the horizon, through reorganisations. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { createPrng } from '#kernel/prng.ts'
import { toHex as hexOf } from '#kernel/bytes.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { answer, result } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { Devnet, toHex } from './devnet.ts'
import { createScenario } from './scenario.ts'

const BLOCKS = 50
const PROOFS = 150
const WAIT_MS = 60_000

test('proofs at every block within the horizon are geth’s, and every block is proven by its state root', {
  ...needs('geth'),
  timeout: 300_000,
}, async () => {
  const scenario = createScenario()
  const net = await Devnet.start({ alloc: scenario.alloc })
  const [node] = net.nodes
  if (node === undefined) throw new Error('a devnet has a node')
  let cluster: Cluster | undefined
  try {
    for (let i = 0; i < 20; i++) await scenario.block(net)
    cluster = await startCluster({
      client: node.webSocket,
      genesisFile: net.genesisFile,
      replicas: 1,
      masterOptions: () => ['--trie'],
      lastReplica: ['--trie', '--prove', 'root'],
    })
    const url = cluster.replicas[0]?.url ?? ''
    const atHead = (): Promise<unknown> =>
      waitFor('the replica at the head', WAIT_MS, async () => {
        const block = (await result(url, 'eth_getBlockByNumber', ['latest', false])) as { hash: string }
        return block.hash === scenario.chain.at(-1)?.hash ? true : undefined
      })
    while (scenario.chain.length < BLOCKS - 10) await scenario.block(net)
    await atHead()
    await scenario.reorg(net, 4)
    await atHead()
    while (scenario.chain.length < BLOCKS) await scenario.block(net)
    await atHead()

    const accounts = await touched(url, scenario.chain.length)
    assert.ok(accounts.length > 20, `${accounts.length} accounts`)
    const prng = createPrng(1)
    for (let i = 0; i < PROOFS; i++) {
      const who = prng.chance(0.1) ? hexOf(prng.bytes(20)) : prng.pick(accounts)
      const keys = ['0x0', toHex(prng.between(1, 9)), hexOf(prng.bytes(32))]
      const params = [who, keys, toHex(prng.between(0, scenario.chain.length))]
      const ours = await answer(url, 'eth_getProof', params)
      assert.deepEqual(ours.result, await node.rpc('eth_getProof', ...params), JSON.stringify(params))
    }
    const headers = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] }),
    })
    assert.equal(headers.headers.get('x-verified-number'), String(scenario.chain.length))

    await cluster.replicas[0]?.process.stop()
    const checked = await DroverProcess.run('check', '--data', `${cluster.dir}/r1`)
    assert.equal(checked.code, 0, checked.output)
    assert.match(checked.output, new RegExp(`^block ${scenario.chain.length}: `, 'm'))
  } finally {
    await cluster?.stop()
    await net.stop()
  }
})

/** Senders, receivers and creations of all blocks. */
async function touched(url: string, blocks: number): Promise<`0x${string}`[]> {
  const found = new Set<`0x${string}`>()
  for (let number = 1; number <= blocks; number++) {
    const receipts = (await result(url, 'eth_getBlockReceipts', [toHex(number)])) as {
      from: `0x${string}`
      to: `0x${string}` | null
      contractAddress: `0x${string}` | null
    }[]
    for (const { from, to, contractAddress } of receipts)
      found
        .add(from)
        .add(to ?? from)
        .add(contractAddress ?? from)
  }
  return [...found]
}
