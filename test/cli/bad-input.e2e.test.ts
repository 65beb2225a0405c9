/** What goes wrong for people: each mistake gets one clear line that names it, and an exit code; nothing hangs and nothing is lost. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { devGenesis } from '#cli/dev/genesis.ts'
import { freePort } from '#test/geth/node.ts'
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { answer, post, type RpcAnswer } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'

const dir = mkdtempSync(join(tmpdir(), 'drover-bad-'))
test.after(() => rmSync(dir, { recursive: true, force: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const genesis = devGenesis(1_700_000_000) as {
  config: Record<string, unknown>
  alloc: Record<string, unknown>
}
const genesisFile = file('genesis.json', JSON.stringify(genesis))
const replicaArgs = (more: Record<string, string>): string[] =>
  Object.entries({
    genesis: genesisFile,
    feed: `unix:${join(dir, 'nobody')}`,
    data: join(dir, 'r'),
    port: '0',
    link: `unix:${join(dir, 'rl')}`,
    ...more,
  }).flatMap(([flag, value]) => [`--${flag}`, value])

const cases: readonly (readonly [what: string, args: readonly string[], code: number, message: RegExp])[] = [
  ['an unknown command', ['gatewya'], 2, /no command "gatewya".*drover gateway/],
  ['an unknown flag', ['gateway', '--prot', '1'], 2, /--prot.*did you mean --port/],
  ['a needed option that is absent', ['master'], 2, /--client.*needed|needed.*--client/],
  ['a number that is none', ['gateway', '--replicas', 'a:1', '--port', 'x'], 2, /--port.*whole number/],
  ['a duration without a unit', ['dev', '--block-time', '5'], 2, /--block-time.*250ms/],
  ['a client without its genesis', ['dev', '--client', 'ws://127.0.0.1:1'], 2, /--client and --genesis/],
  [
    'a config file that is not there',
    ['gateway', '--config', join(dir, 'none.json')],
    2,
    /config file .*none\.json/,
  ],
  [
    'a config file that is no JSON',
    ['gateway', '--config', file('broken.json', '{')],
    2,
    /config file .*JSON/,
  ],
  [
    'a config file with an unknown key',
    ['gateway', '--config', file('key.json', '{"prot":1}')],
    2,
    /"prot".*"port"/,
  ],
  [
    'a genesis that is not there',
    ['replica', ...replicaArgs({ genesis: join(dir, 'none') })],
    2,
    /genesis file .*none/,
  ],
  [
    'an empty genesis',
    ['replica', ...replicaArgs({ genesis: file('empty.json', '') })],
    2,
    /genesis file .*empty/,
  ],
  [
    'a genesis that is no JSON',
    ['replica', ...replicaArgs({ genesis: file('no.json', 'hello') })],
    1,
    /genesis.*chain\/genesis/s,
  ],
  [
    'a genesis of another kind of chain',
    [
      'replica',
      ...replicaArgs({
        genesis: file('op.json', JSON.stringify({ ...genesis, config: { ...genesis.config, optimism: {} } })),
      }),
    ],
    1,
    /OP stack/,
  ],
  [
    'a data folder below a file',
    ['replica', ...replicaArgs({ data: join(genesisFile, 'x') })],
    1,
    /genesis\.json.*(not-a-directory|not-writable)/s,
  ],
  ['a feed folder below a file', ['feed', 'serve', '--data', join(genesisFile, 'x')], 1, /genesis\.json/],
  [
    'an address that is none',
    ['feed', 'serve', '--data', join(dir, 'f1'), '--listen', 'nonsense'],
    1,
    /"nonsense" is no address/,
  ],
  [
    'no gateway to ask for its status',
    ['status', '--gateway', 'http://127.0.0.1:1'],
    1,
    /no gateway answers at http:\/\/127\.0\.0\.1:1/,
  ],
  [
    'no feed to inspect',
    ['feed', 'inspect', '--feed', `unix:${join(dir, 'nobody')}`],
    1,
    /nobody answers at unix:/,
  ],
]

test('every command says what is wrong with its options, files and folders', {
  timeout: 120_000,
}, async (t) => {
  for (const [what, args, code, message] of cases) {
    await t.test(what, async () => {
      const run = await DroverProcess.run(...args)
      assert.match(run.output, message)
      assert.equal(run.code, code)
      assert.doesNotMatch(run.output, /^\s+at /m, 'no stack trace for a user’s mistake')
    })
  }
})

test('an unknown DROVER_ variable is named with the nearest known one', async () => {
  process.env['DROVER_BLOCK_TIMES'] = '1s'
  try {
    const { code, output } = await DroverProcess.run('dev')
    assert.equal(code, 2)
    assert.match(output, /DROVER_BLOCK_TIMES.*DROVER_BLOCK_TIME/)
  } finally {
    delete process.env['DROVER_BLOCK_TIMES']
  }
})

test('ports and folders that others hold are named', { timeout: 60_000 }, async () => {
  const taken = createServer()
  const port = await freePort()
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve))
  const feed = new DroverProcess(
    'feed',
    'serve',
    '--data',
    join(dir, 'feed'),
    '--listen',
    `unix:${join(dir, 'fs')}`,
  )
  try {
    const gateway = await DroverProcess.run('gateway', '--replicas', 'unix:/nowhere', '--port', String(port))
    assert.match(gateway.output, new RegExp(`${port} is taken.*net/port-in-use`))
    const replica = await DroverProcess.run(
      'replica',
      ...replicaArgs({ port: String(port), data: join(dir, 'r2') }),
    )
    assert.match(replica.output, new RegExp(`${port} is taken.*net/port-in-use`))
    await feed.start()
    const held = await DroverProcess.run(
      'feed',
      'serve',
      '--data',
      join(dir, 'feed'),
      '--listen',
      `unix:${join(dir, 'fs2')}`,
    )
    assert.match(held.output, /another process .* writes the feed.*feed\/held/)
    const address = await DroverProcess.run(
      'feed',
      'serve',
      '--data',
      join(dir, 'feed3'),
      '--listen',
      `unix:${join(dir, 'fs')}`,
    )
    assert.match(address.output, /is taken.*net\/port-in-use/)
  } finally {
    taken.close()
    await feed.stop()
  }
})

test('bad requests and foreign chains', { ...needs('anvil'), timeout: 120_000 }, async (t) => {
  const anvil = await Anvil.start(genesisFile, '--block-time', '0.3')
  let cluster: Cluster | undefined
  try {
    cluster = await startCluster({ client: anvil.webSocket, genesisFile, replicas: 1 })
    const [replica] = cluster.replicas
    assert.ok(replica)
    for (const url of [cluster.gateway.url, replica.url])
      await waitFor(`${url} to be ready`, 20_000, async () =>
        (await fetch(`${url}/ready`)).ok ? true : undefined,
      )
    await t.test('the gateway answers bad requests as geth does', () =>
      badRequests(cluster?.gateway.url ?? ''),
    )
    await t.test('so does a replica', () => badRequests(replica.url))
    const feed = `unix:${join(cluster.dir, 'feed.sock')}`
    const other = file(
      'other.json',
      JSON.stringify({
        ...genesis,
        alloc: { '0x00000000000000000000000000000000000000aa': { balance: '0x1' } },
      }),
    )
    const chain = file(
      'chain.json',
      JSON.stringify({ ...genesis, config: { ...genesis.config, chainId: 5 } }),
    )

    await t.test('a replica with another genesis than its feed', async () => {
      const { output, code } = await DroverProcess.run(
        'replica',
        ...replicaArgs({ genesis: other, feed, data: join(dir, 'r3') }),
      )
      assert.match(output, /replica\/foreign-genesis/)
      assert.equal(code, 1)
    })
    await t.test('a master whose client is on another chain', async () => {
      const args = [
        '--client',
        anvil.webSocket,
        '--genesis',
        chain,
        '--feed',
        feed,
        '--data',
        join(dir, 'm3'),
        '--forward-port',
        '0',
      ]
      const { output, code } = await DroverProcess.run('master', '--id', 'm3', ...args)
      assert.match(output, /chain 31337 .*chain 5.*master\/foreign-client/s)
      assert.equal(code, 1)
    })
    await t.test('a store of another cluster', async () => {
      await replica.process.stop()
      const second = new DroverProcess(
        'feed',
        'serve',
        '--data',
        join(dir, 'feed9'),
        '--listen',
        `unix:${join(dir, 'fs9')}`,
      )
      await second.start()
      const { output } = await DroverProcess.run(
        'replica',
        ...replicaArgs({ feed: `unix:${join(dir, 'fs9')}`, data: join(cluster?.dir ?? '', 'r1') }),
      )
      await second.stop()
      assert.match(output, /feed\/replaced/)
    })
  } finally {
    await cluster?.stop()
    await anvil.stop()
  }
})

async function badRequests(url: string): Promise<void> {
  const raw = async (body: string): Promise<RpcAnswer> => (await (await post(url, body)).json()) as RpcAnswer
  const call = (method: string, params: unknown): string =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const address = `0x${'00'.repeat(20)}`
  const bodies: readonly (readonly [body: string, code: number, message: RegExp])[] = [
    ['{"jsonrpc":"2.0","id":1,', -32700, /parse error/],
    ['[]', -32600, /empty batch/],
    ['5', -32600, /invalid request/],
    ['{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600, /invalid request/],
    [call('eth_nope', []), -32601, /eth_nope does not exist/],
    [call('eth_getBalance', []), -32602, /missing value for required argument 0/],
    [call('eth_getBalance', {}), -32602, /non-array args/],
    [
      call('eth_getBalance', ['0x12', 'latest']),
      -32602,
      /hex string has length 2, want 40 for common.Address/,
    ],
    [call('eth_getBalance', [address, 'latest', 1]), -32602, /too many arguments, want at most 2/],
    [call('eth_getBalance', [address, '0x01']), -32602, /leading zero/],
    [call('eth_getBalance', [address, '0xfffffff']), -32000, /header not found/],
    [call('eth_getBalance', [address, `0x${'11'.repeat(32)}`]), -32000, /header for hash not found/],
    [call('eth_getStorageAt', [address, '0xzz', 'latest']), -32602, /invalid hex in storage key/],
    [call('eth_getLogs', [{ fromBlock: '0x2', toBlock: '0x1' }]), -32602, /invalid block range params/],
    [
      call('eth_getLogs', [{ fromBlock: '0x0', toBlock: '0xfffffff' }]),
      -32602,
      /extends beyond current head/,
    ],
    [call('eth_call', [{ to: 'x' }, 'latest']), -32602, /TransactionArgs.to/],
    [`${'['.repeat(40)}${']'.repeat(40)}`, -32600, /nests deeper/],
  ]
  for (const [body, code, message] of bodies) {
    const { error } = await raw(body)
    assert.equal(error?.code, code, body)
    assert.match(error?.message ?? '', message, body)
  }
  const many = JSON.stringify(
    Array.from({ length: 1_001 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'eth_chainId' })),
  )
  const [tooMany] = (await (await post(url, many)).json()) as RpcAnswer[]
  assert.match(tooMany?.error?.message ?? '', /batch too large/)

  const exact = '{"jsonrpc":"2.0","id":9007199254740993,"method":"eth_chainId"}'
  assert.match(await (await post(url, exact)).text(), /"id":9007199254740993,"result":"0x7a69"/)
  assert.equal(await (await post(url, '{"jsonrpc":"2.0","method":"eth_chainId"}')).text(), '')
  assert.equal(await (await post(url, '')).text(), '', 'no body, no answer, as geth')
  assert.equal((await answer(url, 'eth_getBlockByNumber', ['0xfffffff', false])).result, null)

  assert.equal((await post(url, 'x'.repeat(6_000_000))).status, 413)
  assert.equal((await post(url, exact, { 'content-type': 'text/plain' })).status, 415)
  assert.equal((await fetch(url, { method: 'PUT', body: 'x' })).status, 405)
  assert.equal((await post(url, exact, { 'x-min-block': 'soon' })).status, 400)
  const waiting = await post(url, call('eth_getBalance', [address, 'latest']), { 'x-min-block': '99999999' })
  assert.equal(waiting.status, 503)
  assert.ok(waiting.headers.get('retry-after'))
  assert.equal(((await waiting.json()) as RpcAnswer).error?.code, -32005)
  const ignored = await post(url, call('eth_getBalance', [address, 'latest']), {
    'x-head': `0:0x${'00'.repeat(32)}`,
  })
  assert.equal(((await ignored.json()) as RpcAnswer).result, '0x0')
  assert.ok(Number(ignored.headers.get('x-block-number')) >= 0)
}
